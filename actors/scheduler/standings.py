"""What placement asks of a pool for every task, kept up to date, so that no decision looks at every instance.

Each change of an instance is noted here at once; finding the best of all is then one `min` over plain numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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

    def rebuild(self, instances: Iterable[Instance], predictions: Predictions) -> None:
        """These instances, and no others."""
        self.instances = list(instances)
        self._places = {instance.ti_uuid: place for place, instance in enumerate(self.instances)}
        self.completion = [inf] * len(self.instances)
        self.slowness = [inf] * len(self.instances)
        self.free.clear()
        self.unheard.clear()
        for instance in self.instances:
            self.note(instance, predictions)

    def note(self, instance: Instance, predictions: Predictions) -> None:
        """The instance, which is one of the pool's, has changed."""
        place = self._places[instance.ti_uuid]
        if instance.condition != "up":
            self.completion[place] = self.slowness[place] = inf
            self.free.discard(place)
            self.unheard.discard(place)
            return
        self._note_speed(place, instance, predictions)
        if len(instance.in_flight) < instance.capacity:
            self.free.add(place)
        else:
            self.free.discard(place)

    def note_unheard(self, predictions: Predictions) -> None:
        """What is expected of those that have not reported yet has changed, by the report of another."""
        for place in tuple(self.unheard):
            self._note_speed(place, self.instances[place], predictions)

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

    def _note_speed(self, place: int, instance: Instance, predictions: Predictions) -> None:
        expected, least, has_reported = predictions.speed_of(instance.pool, instance.ti_uuid)
        self.slowness[place] = least
        self.completion[place] = expected * ((len(instance.in_flight) + instance.waiting) / instance.capacity + 1.0)
        if has_reported:
            self.unheard.discard(place)
        else:
            self.unheard.add(place)
