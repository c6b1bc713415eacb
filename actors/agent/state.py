"""What an agent knows: the lives of its tasks until their end, its activity buffer, callbacks under way."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from actors.agent.activity_buffer import ActivityBuffer
from actors.agent.policy import AgentPolicy
from actors.agent.standing import Standing
from actors.deadlines import Deadlines
from actors.messages.tasks import IMPLICIT_AGENT

Phase: TypeAlias = Literal["placed", "running", "waiting", "suspended"]
"""`placed`: on its way to an instance. `waiting`: its attempt failed, it is back in the scheduler's line. `suspended`:
its run has given way, and it is back in the line to be resumed."""

LONGEST_MS: Final = sys.float_info.max
"""The runs of an attempt are not said to take more (ms): an infinite number cannot be read from a snapshot again."""


@dataclass(frozen=True, slots=True)
class Preemption:
    """The run has been asked to give way, for `reason`, within `grace_s` seconds.

    `asked_at` is when it was first asked (Unix seconds). `is_last_word`: it has been told so for the last time.
    `deferred`: it was inside a section that it had declared. `is_spared`: it is no longer to be forced, nobody needing
    its place.
    """

    reason: str
    grace_s: float
    asked_at: float = 0.0
    is_last_word: bool = False
    deferred: bool = False
    is_spared: bool = False


@dataclass(slots=True)
class Life:
    """A task from its first placement to its end.

    `attempt`, `resumption` and `ti_uuid` are those of the current run; while it is `waiting` or `suspended`, of the
    last one. `failures` describes each failed attempt, oldest first. `ran_ms` is what earlier runs of this attempt
    took. `preemption` is there while the run has to give way.
    """

    attempt: int
    ti_uuid: str
    phase: Phase
    timeout_ms: int | None = None
    callback_url: str | None = None
    failures: tuple[str, ...] = ()
    resumption: int = 0
    ran_ms: float = 0.0
    preemption: Preemption | None = None

    @property
    def run(self) -> tuple[int, int]:
        """What tells this run of the task from every other; later ones are greater."""
        return self.attempt, self.resumption

    @property
    def is_in_flight(self) -> bool:
        """Whether an instance has it, or is about to."""
        return self.phase in ("placed", "running")

    def took_ms(self, execution_ms: float) -> float:
        """What all runs of this attempt took, the last as said; no more than can be written down and read again."""
        return min(self.ran_ms + execution_ms, LONGEST_MS)


@dataclass(slots=True)
class Callback:
    """A final record that has to reach a URL, after `tries` failures."""

    url: str
    tries: int = 0


@dataclass(slots=True)
class AgentState:
    """Everything an agent decides by.

    `run_deadlines` has one entry for each life that is placed or running and no other, `preempt_deadlines` one for each
    of those that has to give way and is not spared. A callback is either being posted or has an entry in
    `callback_deadlines`. `shutdown_due` is None unless the agent is being shut down. An agent that stands in for a
    model has no activity buffer and no lifecycle: it runs very many short tasks that are nobody's, and nobody polls it.
    """

    agent_id: str
    activity: ActivityBuffer | None
    lives: dict[str, Life] = field(default_factory=dict)
    run_deadlines: Deadlines = field(default_factory=Deadlines)
    preempt_deadlines: Deadlines = field(default_factory=Deadlines)
    callbacks: dict[str, Callback] = field(default_factory=dict)
    callback_deadlines: Deadlines = field(default_factory=Deadlines)
    shutdown_due: float | None = None
    standing: Standing | None = None

    def check(self) -> None:
        """Raise AssertionError where a promise of this state is broken; tests call it after every step."""
        under_way = {task_id for task_id, life in self.lives.items() if life.is_in_flight}
        timed = {task_id for task_id, _ in self.run_deadlines.items()}
        assert under_way == timed, f"in flight {under_way}, but timed {timed}"
        preempted = {task_id for task_id, life in self.lives.items() if life.preemption is not None}
        assert preempted <= under_way, f"have to give way, but are not in flight: {preempted - under_way}"
        pressed = {t for t in preempted if (words := self.lives[t].preemption) is not None and not words.is_spared}
        timed = {task_id for task_id, _ in self.preempt_deadlines.items()}
        assert pressed == timed, f"have to give way {pressed}, but timed {timed}"
        unheard = {task_id for task_id, _ in self.callback_deadlines.items()} - self.callbacks.keys()
        assert not unheard, f"deadlines of callbacks that are over: {unheard}"
        if self.activity is None or self.standing is None:
            return
        self.standing.check(
            running={task_id for task_id, life in self.lives.items() if life.phase == "running"},
            suspended={task_id for task_id, life in self.lives.items() if life.phase == "suspended"},
            shutdown_due=self.shutdown_due,
        )
        hidden = self.lives.keys() - self.activity.live() - self.activity.without_entry.keys()
        assert not hidden, f"tasks neither in the activity buffer nor refused: {hidden}"
        twice = self.activity.live() & self.activity.without_entry.keys()
        assert not twice, f"tasks in the activity buffer that were refused: {twice}"


def is_blank(state: AgentState) -> bool:
    """Whether nothing is under way and nothing is remembered."""
    is_quiet = state.activity is None or state.activity.is_blank
    is_idle = state.standing is None or state.standing.is_blank
    return is_quiet and is_idle and not (state.lives or state.callbacks)


def initial_state(policy: AgentPolicy, agent_id: str) -> AgentState:
    """An agent that has no task yet."""
    if agent_id.startswith(IMPLICIT_AGENT):
        return AgentState(agent_id, None)
    activity = ActivityBuffer(policy.ended_entries, keep_s=policy.ended_kept_s)
    return AgentState(agent_id, activity, standing=Standing())


def next_due(state: AgentState) -> float | None:
    """When the agent wants to be woken, in Unix seconds."""
    deadlines = (state.run_deadlines, state.preempt_deadlines, state.callback_deadlines)
    due = min((due for kind in deadlines if (due := kind.earliest()) is not None), default=None)
    if state.standing is None or state.activity is None:
        return due
    return state.standing.next_due(due, state.shutdown_due, state.activity.expires_at)
