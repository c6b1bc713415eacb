"""How an agent is, as last recorded, and what its next move is derived from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from actors.agent_lifecycle import LifecycleState as S

IDLE: Final = (S.RUNNABLE, S.COMPLETED)
"""Nothing is on its way, and nothing runs."""

Cause: TypeAlias = tuple[str, str]
"""Why an agent moves, and the task that it is about: put into words when somebody wants to read it."""


def worded(cause: Cause) -> str:
    """The cause as people read it."""
    text, task_id = cause
    return text.replace("{}", task_id) if task_id else text


@dataclass(slots=True)
class Standing:
    """What was recorded last, and what the next move is derived from. Times are Unix seconds.

    `state` is None until the agent is first heard of. `due` is when it will have lasted too long. `unsettled_at` is
    since when the record is behind what is known, because of `reason`; None where it is not. `attached` counts the
    workers, `up` those of them that answer; `served`: somebody could run its tasks. `closed`: it takes no tasks until
    a worker attaches again. `running` and `suspended` are tasks; `resuming`: the last one that was placed is resumed.
    """

    state: S | None = None
    since: float = 0.0
    cause: Cause = ("", "")
    code: str = ""
    due: float | None = None
    unsettled_at: float | None = None
    reason: Cause = ("", "")
    attached: int = 0
    up: int = 0
    served: bool = False
    closed: bool = False
    resuming: bool = False
    running: set[str] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)

    @property
    def is_blank(self) -> bool:
        """Whether nothing is lost where the agent is forgotten: it has nothing to do, and nobody is attached."""
        is_idle = self.state is None or self.state in IDLE
        return is_idle and not (self.closed or self.attached or self.unsettled_at is not None)

    def copy(self) -> Standing:
        """One that later events do not change."""
        return replace(self, running=set(self.running), suspended=set(self.suspended))

    def check(self, *, running: set[str], suspended: set[str], shutdown_due: float | None) -> None:
        """Raise AssertionError where a promise of this record is broken; tests call it after every step."""
        assert self.running == running, f"says that {self.running} run, not {running}"
        assert self.suspended == suspended, f"says that {self.suspended} are suspended, not {suspended}"
        is_shutting_down = self.state is S.SHUTTING_DOWN and self.closed
        assert is_shutting_down or shutdown_due is None, f"{self.state}, though a shutdown is under way"
        assert (self.state is S.FAILED) == bool(self.code), f"{self.state} with code {self.code!r}"

    def next_due(self, *others: float | None) -> float | None:
        """When it wants to be looked at, or the first of `others`."""
        first = self.unsettled_at
        for due in (self.due, *others):
            if due is not None and (first is None or due < first):
                first = due
        return first
