"""Workers that attach: instances of an agent, known by the id that they choose, which come and go by themselves."""

from __future__ import annotations

from actors.behaviour import Decision, Now, Received, Reply
from actors.messages.answers import InstanceRemoval, WorkerAttached
from actors.messages.dispatcher import AttendInstance
from actors.messages.scheduler import CANCEL, PREEMPT, AttachWorker, DetachWorker
from actors.scheduler import agents, registry
from actors.scheduler.events import InstanceRegistered, SchedulerEvent
from actors.scheduler.instance import Instance
from actors.scheduler.pools import pool_of_agent
from actors.scheduler.state import SchedulerState

CAPABILITIES = (CANCEL, PREEMPT)
"""What every attached worker can be asked for beyond running tasks."""


def attach(state: SchedulerState, received: Received[AttachWorker], now: Now) -> Decision[SchedulerEvent]:
    """Add a worker to its agent's pool; one that comes again keeps its id and gets the new data. A closed agent opens.

    A worker's host is its own id, its model the pool: `/queue/info` shows both.
    """
    message = received.message
    known = _worker_called(state, message.worker_id)
    ti_uuid = known.ti_uuid if known else message.ti_uuid
    pool = pool_of_agent(message.agent_id)
    agent = state.agents.get(message.agent_id)
    slots = agent.slots if agent else state.slots_of.get(message.agent_id, state.default_slots)
    registered = InstanceRegistered(
        ti_uuid, message.worker_id, 0, pool, message.capacity, "worker", CAPABILITIES, message.incarnation
    )
    attend = AttendInstance(
        ti_uuid, message.worker_id, 0, pool, message.capacity, "worker", CAPABILITIES, message.incarnation
    )
    answer = Reply(WorkerAttached(ti_uuid, message.agent_id, slots))
    enlisted = registry.enlist(state, known, registered, attend, answer, received.chance)
    reopened, told = agents.attach(state, message, ti_uuid, now)
    return Decision([*reopened, *enlisted.events], [*enlisted.effects, *told])


def detach(state: SchedulerState, received: Received[DetachWorker]) -> Decision[SchedulerEvent]:
    """Let the worker finish what it runs, as an instance that is removed."""
    worker = _worker_called(state, received.message.worker_id)
    if worker is None:
        return Decision(effects=[Reply(InstanceRemoval(None))])
    return registry.dismiss(state, worker, received.chance)


def forget_absent(state: SchedulerState, chance: float, now: Now) -> Decision[SchedulerEvent] | None:
    """Take out one worker that has been down for too long; None where none has. The next is due at once."""
    due = state.absent.due_by(now)
    if not due:
        return None
    gone = registry.dismiss(state, state.instances[due[0]], chance)
    return Decision(gone.events, [effect for effect in gone.effects if not isinstance(effect, Reply)])


def _worker_called(state: SchedulerState, worker_id: str) -> Instance | None:
    """The attached worker of this id that is not on its way out."""
    for instance in state.instances.values():
        is_it = instance.protocol == "worker" and instance.host == worker_id
        if is_it and instance.condition != "draining":
            return instance
    return None
