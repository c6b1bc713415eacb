"""How far a task is, as its worker says: shown in the activity buffer, and its checkpoint kept for the next run.

Only the current run is heard: a worker that was given up may go on talking.
"""

from __future__ import annotations

from actors.agent.descriptions import fitting
from actors.agent.events import AgentEvent, ProgressNoted
from actors.agent.state import AgentState
from actors.behaviour import Decision, Keep, Now
from actors.messages.agent import NoteProgress


def note(state: AgentState, message: NoteProgress, now: Now) -> Decision[AgentEvent]:
    """Remember what it says. A message that says nothing shows that the run goes on."""
    life = state.lives.get(message.task_id)
    if life is None or not life.is_in_flight or life.run != (message.attempt, message.resumption):
        return Decision()
    noted = ProgressNoted(
        message.task_id,
        message.attempt,
        message.resumption,
        now,
        None if message.activity is None else fitting(message.activity),
        message.progress,
        bool(message.checkpoint),
    )
    kept = (Keep(message.task_id, "checkpoint", message.checkpoint),) if message.checkpoint else ()
    return Decision((noted,), kept)
