"""What a dispatcher remembers of its instance and of the tasks it has in flight there.

Times (`at`, `due`, `until`, ...) are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, get_args

from actors.messages.scheduler import Protocol


@dataclass(frozen=True, slots=True)
class InstanceAttended:
    """The instance is this dispatcher's to look after, and counts as up."""

    host: str
    port: int
    protocol: Protocol
    model_name: str
    capacity: int
    capabilities: tuple[str, ...] = ()
    incarnation: str = ""


@dataclass(frozen=True, slots=True)
class InstanceReleased:
    """The instance was removed; it is no longer probed."""


@dataclass(frozen=True, slots=True)
class PushBegan:
    """The task is being pushed to the instance."""

    task_id: str
    attempt: int
    agent_id: str
    resumption: int = 0


@dataclass(frozen=True, slots=True)
class PushHeld:
    """The task arrived before the word of which instance this is; it waits for that until `due`."""

    task_id: str
    attempt: int
    agent_id: str
    due: float
    resumption: int = 0


@dataclass(frozen=True, slots=True)
class PushAccepted:
    """The instance has taken the task at `at`. `remote_id` is its own id for it, "" where it uses ours."""

    task_id: str
    attempt: int
    remote_id: str
    at: float


@dataclass(frozen=True, slots=True)
class PushDoubted:
    """The task was sent and the answer never came, for the `tries`-th time; sent again at `due`."""

    task_id: str
    attempt: int
    tries: int
    due: float
    detail: str


@dataclass(frozen=True, slots=True)
class PushRepeated:
    """The task is being pushed again, under the same idempotency key."""

    task_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class FlightFailed:
    """The attempt cannot end here any more; its agent is told why."""

    task_id: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class FlightDropped:
    """The agent gave the attempt up."""

    task_id: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class ReportTaken:
    """The instance reported the end of the task."""

    task_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class YieldAsked:
    """The run has to give way within `grace_ms`; `terminate`: it is told so for the last time."""

    task_id: str
    attempt: int
    resumption: int
    reason: str
    grace_ms: int
    terminate: bool


@dataclass(frozen=True, slots=True)
class YieldHeard:
    """The instance knows that the run has to give way. While inside `section` it cannot, for at most `deferred_ms`."""

    task_id: str
    attempt: int
    resumption: int
    section: str
    deferred_ms: float


@dataclass(frozen=True, slots=True)
class YieldTaken:
    """The run has given way; its agent has the checkpoint."""

    task_id: str
    attempt: int
    resumption: int


@dataclass(frozen=True, slots=True)
class ProbeSent:
    """The instance is being probed since `at`, and will be again at `due`."""

    at: float
    due: float


@dataclass(frozen=True, slots=True)
class ProbeAdvanced:
    """There is reason to doubt the instance: the next probe is due at `due`, earlier than planned."""

    due: float


@dataclass(frozen=True, slots=True)
class InstanceMissed:
    """The instance could not be reached, for the `failures`-th time in a row."""

    failures: int
    detail: str


@dataclass(frozen=True, slots=True)
class InstanceRefused:
    """The instance refused a push through a fault of its own, for the `refusals`-th time in a row."""

    refusals: int
    detail: str


@dataclass(frozen=True, slots=True)
class InstanceHeard:
    """The instance answers: no failures count against it. `booted_at` is what its uptime implies."""

    booted_at: float | None = None


@dataclass(frozen=True, slots=True)
class InstanceRestarted:
    """The instance was started anew about `booted_at` and has forgotten what it had accepted before."""

    booted_at: float


@dataclass(frozen=True, slots=True)
class InstanceLost:
    """The instance counts as down, until it answers a probe at or after `until`."""

    reason: str
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class InstanceRecovered:
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
    | InstanceLost
    | InstanceRecovered
)

DISPATCHER_EVENTS: tuple[type, ...] = get_args(DispatcherEvent)
