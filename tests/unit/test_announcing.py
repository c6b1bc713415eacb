"""What listeners hear of a task: its life in the order of its life, and nothing after its end."""

from __future__ import annotations

from itertools import count

import msgspec

from actors.addresses import SCHEDULER, ActorKind, Address, agent, shard_of
from actors.agent import AgentPolicy, agent_behaviour
from actors.behaviour import AnyBehaviour
from actors.envelope import Announcement, Envelope
from actors.messages import Message
from actors.messages.agent import AttemptFailed, AttemptStarted, RunTask, TaskEnded
from actors.messages.runtime import TimePassed
from actors.messages.scheduler import RegisterInstance, ReturnTask, SubmitTask
from actors.messages.tasks import TaskSpec
from actors.scheduler import SchedulerPolicy, scheduler_behaviour
from actors.shard import Shard
from actors.store import Lease
from actors.turn import Turn

AGENT = agent("worker-1")
BEHAVIOURS: dict[ActorKind, AnyBehaviour] = {
    "scheduler": scheduler_behaviour(SchedulerPolicy()),
    "agent": agent_behaviour(AgentPolicy(retry_delay_s=0.0)),
}
NAMES: dict[str, ActorKind] = {"scheduler": "scheduler", "agent-0": "agent"}


class Apart:
    """Scheduler and agents in processes of their own: a message arrives when the test says so."""

    def __init__(self) -> None:
        self.shards = {name: Shard(Lease(name, 1, 0, "s"), BEHAVIOURS[kind]) for name, kind in NAMES.items()}
        self.sent: list[Envelope] = []
        self.heard: list[str] = []
        self._ids = (f"m{n}" for n in count())
        self._now = 1000.0

    def tell(self, to: Address, message: Message) -> None:
        """The message arrives."""
        self._now += 1.0
        turn = Turn(
            lambda a: self.shards.get(shard_of(a, 1)), self._now, hand_over=False, message_limit=100, announces=True
        )
        turn.handle(Envelope(next(self._ids), to, message), {})
        turn.close()
        for parcel in (parcel for outgoing in turn.outgoing.values() for parcel in outgoing.parcels):
            if isinstance(parcel, Announcement):
                self.heard += [fact["state"] for fact in msgspec.json.decode(parcel.body)]
            else:
                self.sent.append(parcel)

    def deliver(self, kind: type) -> None:
        """The one message of this type that is on its way arrives."""
        [envelope] = [envelope for envelope in self.sent if isinstance(envelope.message, kind)]
        self.sent.remove(envelope)
        self.tell(envelope.to, envelope.message)


def test_a_life_is_told_in_order() -> None:
    apart = running()
    apart.tell(AGENT, AttemptFailed("t", 1, "i", "refused"))
    apart.deliver(ReturnTask)
    apart.tell(SCHEDULER, TimePassed())
    apart.deliver(RunTask)
    apart.tell(AGENT, AttemptStarted("t", 2))
    apart.tell(AGENT, TaskEnded("t", 2, "i", 1.0, b"{}"))
    again = ["queued", "dispatched", "running", "completed"]
    assert apart.heard == ["queued", "dispatched", "running", *again]


def test_what_the_scheduler_decides_before_it_hears_of_the_end_is_not_told() -> None:
    apart = running()
    apart.tell(AGENT, AttemptFailed("t", 1, "i", "lost"))
    apart.tell(AGENT, TaskEnded("t", 1, "i", 1.0, b"{}"))  # it was not, after all
    apart.deliver(ReturnTask)
    apart.tell(SCHEDULER, TimePassed())
    apart.deliver(RunTask)
    assert apart.heard == ["queued", "dispatched", "running", "queued", "completed"]


def running() -> Apart:
    """The task has begun, for the first time."""
    apart = Apart()
    apart.tell(SCHEDULER, RegisterInstance("i", "127.0.0.1", 1, "m"))
    apart.tell(SCHEDULER, SubmitTask(TaskSpec("t", AGENT.key, "m", 0, 1000.0, "d"), b"{}"))
    apart.deliver(RunTask)
    apart.tell(AGENT, AttemptStarted("t", 1))
    return apart
