"""The stages of a run that has to give way, and what moves it from one to the next: one table.

The documentation draws its diagram from `STAGES`, and tests hold every history of an agent to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from actors.agent.events import (
    AttemptAbandoned,
    AttemptPlaced,
    PreemptionBegan,
    PreemptionDeferred,
    PreemptionSpared,
    RunSuspended,
    TaskFinished,
    TerminationBegan,
)


class Stage(StrEnum):
    """Where a run is on its way to give way."""

    RUNNING = "running"
    ASKED = "asked"
    DEFERRED = "deferred"
    SPARED = "spared"
    LAST_WORD = "last_word"
    SUSPENDED = "suspended"
    LOST = "lost"
    ENDED = "ended"


S = Stage

_ANY_TIME: Mapping[type, Stage] = {RunSuspended: S.SUSPENDED, AttemptAbandoned: S.LOST, TaskFinished: S.ENDED}

STAGES: Mapping[Stage, Mapping[type, Stage]] = {
    S.RUNNING: {PreemptionBegan: S.ASKED, AttemptAbandoned: S.LOST, TaskFinished: S.ENDED},
    S.ASKED: {
        PreemptionDeferred: S.DEFERRED,
        PreemptionSpared: S.SPARED,
        TerminationBegan: S.LAST_WORD,
        **_ANY_TIME,
    },
    S.DEFERRED: {PreemptionSpared: S.SPARED, TerminationBegan: S.LAST_WORD, **_ANY_TIME},
    S.SPARED: {PreemptionBegan: S.ASKED, **_ANY_TIME},
    # What ends here has ended by itself, or was stopped: FAILED with `forced_preemption`.
    S.LAST_WORD: {PreemptionDeferred: S.LAST_WORD, PreemptionSpared: S.SPARED, **_ANY_TIME},
    S.SUSPENDED: {AttemptPlaced: S.RUNNING, TaskFinished: S.ENDED},
    S.LOST: {AttemptPlaced: S.RUNNING, TaskFinished: S.ENDED},
    S.ENDED: {},
}


def follow(stage: Stage, event: object) -> Stage:
    """The stage after this event; the same after any that is not of the table. Raises ValueError for an illegal one."""
    after = STAGES[stage].get(type(event))
    if after is None and any(type(event) in moves for moves in STAGES.values()):
        raise ValueError(f"{type(event).__name__} cannot follow while a run is {stage}")
    return stage if after is None else after
