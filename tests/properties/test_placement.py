"""Under any strategy and history: only who may be chosen is, and what is said of a choice is what it went by."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.messages.scheduler import SetStrategy, TaskSettled
from actors.messages.tasks import Features
from actors.scheduler.events import TaskBound, TaskQueued
from actors.scheduler.explaining import CHOICE
from actors.scheduler.instance import Instance
from actors.scheduler.state import SchedulerState
from actors.scheduler.strategies import STRATEGIES
from actors.task_lifecycle import TaskState
from tests.unit.scheduling import Scheduling, submit

FEATURES = (None, Features("k", 100.0, 20.0), Features("long", max_tokens=900.0))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.sampled_from(("m", "m", "n")), st.integers(0, 2), st.integers(-1, 1)),
        st.tuples(st.just("settle"), st.integers(0, 7), st.sampled_from((None, 50.0, 4000.0)), st.just(0)),
        st.tuples(st.just("fail"), st.integers(0, 7), st.just(0), st.just(0)),
        st.tuples(st.just("down"), st.integers(0, 4), st.just(0), st.just(0)),
        st.tuples(st.just("up"), st.integers(0, 4), st.just(0), st.just(0)),
        st.tuples(st.just("remove"), st.integers(0, 4), st.just(0), st.just(0)),
        st.tuples(st.just("pass"), st.integers(1, 5), st.just(0), st.just(0)),
    ),
    max_size=40,
)
chances = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=5)


def may_be_meant(state: SchedulerState, pool: str, ti_uuid: str) -> bool:
    """Whether a task of the pool may be meant for the instance: not one that is down while another is up."""
    members = [i for i in state.instances.values() if i.pool == pool and i.condition != "draining"]
    up = [i.ti_uuid for i in members if i.condition == "up"]
    return ti_uuid in (up or [i.ti_uuid for i in members] or [""])


def may_start(instance: Instance, model: str) -> bool:
    """Whether it can be given a task of this model."""
    return instance.condition == "up" and len(instance.in_flight) < instance.capacity and instance.model_name == model


def watch(state: SchedulerState, events: list[Any], apply: Any) -> None:
    """Each choice is of one that may be chosen, and agrees with what is said of it."""
    for event in events:
        if isinstance(event, TaskQueued):
            assert may_be_meant(state, state.serving_pool(event.pools), event.scheduled_ti)
        if isinstance(event, TaskBound):
            model = state.tasks[event.task_id].spec.model_name
            assert may_start(state.instances[event.ti_uuid], model)
    apply()
    for event in events:
        if isinstance(event, TaskBound):
            agrees(state, event)


def agrees(state: SchedulerState, event: TaskBound) -> None:
    """The chosen one could be chosen and, where the strategy chose it then, has the least score."""
    moment = state.explained[event.task_id]
    said = moment.told(event.task_id)
    chosen = next(candidate for candidate in said.candidates if candidate.ti_uuid == event.ti_uuid)
    assert said.chosen == event.ti_uuid
    assert chosen.could_be_chosen
    assert chosen.running < chosen.capacity
    if said.why.startswith(CHOICE):
        scores = [c.score for c in said.candidates if c.could_be_chosen and c.score is not None]
        assert chosen.score == min(scores)
        assert moment.strategy.choose(moment.choice) == [c.ti_uuid for c in said.candidates if c.could_be_chosen].index(
            event.ti_uuid
        )
    if "meant it" in said.why:
        assert said.meant == said.chosen


def perform(scheduling: Scheduling, step: tuple[Any, ...], n: int, chance: float) -> None:
    """One step; what cannot be is passed over."""
    kind, first, second, third = step
    running, instances = sorted(scheduling.running()), sorted(scheduling.state.instances)
    if kind == "submit":
        scheduling.tell(submit(f"t{n}", model=first, features=FEATURES[second], priority=third), chance=chance)
    elif kind == "settle" and running:
        scheduling.tell(TaskSettled(running[first % len(running)], TaskState.COMPLETED, second), chance=chance)
    elif kind == "fail" and running:
        scheduling.give_back(running[first % len(running)])
    elif kind in ("down", "up") and instances:
        getattr(scheduling, kind)(instances[first % len(instances)])
    elif kind == "remove" and len(instances) > 2:
        scheduling.remove(instances[first % len(instances)])
    elif kind == "pass":
        scheduling.pass_time(float(first))


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(list(STRATEGIES)), steps, chances)
def test_only_who_may_be_chosen_is_and_the_explanation_agrees(
    strategy: str, history: list[tuple[Any, ...]], chance: list[float]
) -> None:
    scheduling = Scheduling(watch=watch)
    scheduling.tell(SetStrategy(strategy))
    for name, model, capacity in (("i1", "m", 1), ("i2", "m", 2), ("i3", "m", 1), ("i4", "n", 1)):
        scheduling.register(name, model, capacity)
    for n, step in enumerate(history):
        perform(scheduling, step, n, chance[n % len(chance)])
    other = scheduling.replayed()
    assert other.running() == scheduling.running()
    assert other.dumped() == scheduling.dumped()
