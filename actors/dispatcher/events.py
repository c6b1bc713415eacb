"""What a dispatcher remembers of its instance and of the tasks it has in flight there.

Times (`at`, `due`, `until`, ...) are Unix seconds.
"""

from __future__ import annotations

from typing import TypeAlias, get_args

from msgspec import Struct

from actors.messages.scheduler import Protocol


class InstanceAttended(Struct, frozen=True):
    """The instance is this dispatcher's to look after, and counts as up."""

    host: str
    port: int
    protocol: Protocol
    model_name: str
    capacity: int
    capabilities: tuple[str, ...] = ()
    incarnation: str = ""


class InstanceReleased(Struct, frozen=True):
    """The instance was removed; it is no longer probed."""


class PushBegan(Struct, frozen=True):
    """The task is being pushed to the instance."""

    task_id: str
    attempt: int
    agent_id: str
    resumption: int = 0


class PushHeld(Struct, frozen=True):
    """The task arrived before the word of which instance this is; it waits for that until `due`."""

    task_id: str
    attempt: int
    agent_id: str
    due: float
    resumption: int = 0


class PushAccepted(Struct, frozen=True):
    """The instance has taken the task, not before `at`. `remote_id` is its own id for it, "" where it uses ours."""

    task_id: str
    attempt: int
    remote_id: str
    at: float


class PushDoubted(Struct, frozen=True):
    """The task was sent and the answer never came, for the `tries`-th time; sent again at `due`."""

    task_id: str
    attempt: int
    tries: int
    due: float
    detail: str


class PushRepeated(Struct, frozen=True):
    """The task is being pushed again, under the same idempotency key."""

    task_id: str
    attempt: int


class FlightFailed(Struct, frozen=True):
    """The attempt cannot end here any more; its agent is told why."""

    task_id: str
    attempt: int
    reason: str


class FlightDropped(Struct, frozen=True):
    """The agent gave the attempt up."""

    task_id: str
    attempt: int
    reason: str


class ReportTaken(Struct, frozen=True):
    """The instance reported the end of the task."""

    task_id: str
    attempt: int


class YieldAsked(Struct, frozen=True):
    """The run has to give way within `grace_ms`; `terminate`: it is told so for the last time."""

    task_id: str
    attempt: int
    resumption: int
    reason: str
    grace_ms: int
    terminate: bool


class YieldHeard(Struct, frozen=True):
    """The instance knows that the run has to give way. While inside `section` it cannot, for at most `deferred_ms`."""

    task_id: str
    attempt: int
    resumption: int
    section: str
    deferred_ms: float


class YieldTaken(Struct, frozen=True):
    """The run has given way; its agent has the checkpoint."""

    task_id: str
    attempt: int
    resumption: int


class ProbeSent(Struct, frozen=True):
    """The instance is being probed since `at`, and will be again at `due`."""

    at: float
    due: float


class ProbeAdvanced(Struct, frozen=True):
    """There is reason to doubt the instance: the next probe is due at `due`, earlier than planned."""

    due: float


class InstanceMissed(Struct, frozen=True):
    """The instance could not be reached, for the `failures`-th time in a row."""

    failures: int
    detail: str


class InstanceRefused(Struct, frozen=True):
    """The instance refused a push through a fault of its own, for the `refusals`-th time in a row."""

    refusals: int
    detail: str


class InstanceHeard(Struct, frozen=True):
    """The instance answers: no failures count against it. `booted_at` is what its uptime implies."""

    booted_at: float | None = None


class InstanceRestarted(Struct, frozen=True):
    """The instance was started anew about `booted_at` and has forgotten what it had accepted before."""

    booted_at: float


class ClockJumped(Struct, frozen=True):
    """Our wall clock, `at` by now, has jumped by `by_s` (s), while the instance, which answers, went on as it was."""

    at: float
    by_s: float


class InstanceLost(Struct, frozen=True):
    """The instance counts as down, until it answers a probe at or after `until`."""

    reason: str
    until: float = 0.0


class InstanceRecovered(Struct, frozen=True):
    """The instance counts as up again."""


DispatcherEvent: TypeAlias = (
    InstanceAttended
    | InstanceReleased
    | PushBegan
    | PushHeld
    | PushAccepted
    | PushDoubted
    | PushRepeated
    | FlightFailed
    | FlightDropped
    | ReportTaken
    | YieldAsked
    | YieldHeard
    | YieldTaken
    | ProbeSent
    | ProbeAdvanced
    | InstanceMissed
    | InstanceRefused
    | InstanceHeard
    | InstanceRestarted
    | ClockJumped
    | InstanceLost
    | InstanceRecovered
)

DISPATCHER_EVENTS: tuple[type, ...] = get_args(DispatcherEvent)
