"""What placement asks of a pool for every task, kept up to date, so that no decision looks at every instance.

Each change of an instance is noted here at once; finding the best of all is then one `min` over plain numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from actors.scheduler.instance import Instance
from actors.scheduler.prediction import Predictions


@dataclass(slots=True)
class Standings:
    """The instances of one pool, in its order, and the same order in each list.

    `completion` is when a task given to it now would be done, in units of what a task takes at ordinary speed;
    `slowness` is the logarithm of how many times as long it takes at least. Both are infinite for one that is not up.
    `free` are the places in that order of those that can start a task now, `unheard` those that have never reported.
    """

    instances: list[Instance] = field(default_factory=list)
    completion: list[float] = field(default_factory=list)
    slowness: list[float] = field(default_factory=list)
    free: set[int] = field(default_factory=set)
    unheard: set[int] = field(default_factory=set)
    _places: dict[str, int] = field(default_factory=dict)
    _expected: list[float] = field(default_factory=list)
    _least: list[float] = field(default_factory=list)

    def put(self, instance: Instance, predictions: Predictions) -> None:
        """An instance comes, or is another than it was."""
        place = self._places.setdefault(instance.ti_uuid, len(self.instances))
        if place == len(self.instances):
            self.instances.append(instance)
            for numbers in (self.completion, self.slowness, self._expected, self._least):
                numbers.append(inf)
        self.instances[place] = instance
        self.unheard.add(place)
        self._note_speed(place, predictions)

    def remove(self, ti_uuid: str, predictions: Predictions) -> None:
        """An instance goes, and those after it move up."""
        staying = [instance for instance in self.instances if instance.ti_uuid != ti_uuid]
        for numbers in (self.instances, self.completion, self.slowness, self._expected, self._least):
            numbers.clear()
        for known in (self.free, self.unheard, self._places):
            known.clear()
        for instance in staying:
            self.put(instance, predictions)

    def note(self, instance: Instance) -> None:
        """The instance, which is one of the pool's, has changed."""
        place = self._places[instance.ti_uuid]
        if instance.condition != "up":
            self.completion[place] = self.slowness[place] = inf
            self.free.discard(place)
            return
        running = len(instance.in_flight)
        self.completion[place] = self._expected[place] * ((running + instance.waiting) / instance.capacity + 1.0)
        self.slowness[place] = self._least[place]
        if running < instance.capacity:
            self.free.add(place)
        else:
            self.free.discard(place)

    def note_report(self, ti_uuid: str, predictions: Predictions) -> None:
        """An instance has reported how long a task took: what is expected of it, and of those unheard, is new."""
        if ti_uuid in self._places:
            self.unheard.add(self._places[ti_uuid])
        for place in tuple(self.unheard):
            self._note_speed(place, predictions)

    def free_instances(self) -> list[Instance]:
        """Those that can start a task now, in the order of the pool."""
        free = self.free
        if not free:
            return []
        return [self.instances[place] for place in (sorted(free) if len(free) > 1 else free)]

    def soonest(self, rotation: int) -> Instance | None:
        """The one with the least expected completion, ties by tasks in flight, then in rotation; None if none is up."""
        least = min(self.completion, default=inf)
        if least == inf:
            return None
        if self.completion.count(least) == 1:
            return self.instances[self.completion.index(least)]
        tied = [place for place, completion in enumerate(self.completion) if completion == least]
        count = len(self.instances)
        return self.instances[min(tied, key=lambda at: (len(self.instances[at].in_flight), (at - rotation) % count))]

    def slowness_of(self, instances: Sequence[Instance]) -> list[float]:
        """The least slowness of each of these."""
        return [self.slowness[self._places[instance.ti_uuid]] for instance in instances]

    def _note_speed(self, place: int, predictions: Predictions) -> None:
        instance = self.instances[place]
        self._expected[place], self._least[place], has_reported = predictions.speed_of(instance.pool, instance.ti_uuid)
        if has_reported:
            self.unheard.discard(place)
        self.note(instance)
