"""A request as a client of the scheduler submits it: the one place where a SubmitTask is made in a simulation."""

from __future__ import annotations

import msgspec

from actors.messages.scheduler import SubmitTask
from actors.messages.tasks import IMPLICIT_AGENT, TaskSpec
from simulation.jobs import Request

MODEL = "simulated"

_encode = msgspec.json.Encoder().encode


def submission(task_id: str, request: Request, now: float) -> SubmitTask:
    """The task, with in its metadata what a client knows beforehand: never the number of tokens that come out."""
    metadata: dict[str, str | int] = {"input_tokens": request.input_tokens}
    if request.max_tokens:
        metadata["max_tokens"] = request.max_tokens
    if request.task_kind:
        metadata["task_kind"] = request.task_kind
    if request.client:
        metadata["user_id"] = request.client
    spec = TaskSpec(task_id, f"{IMPLICIT_AGENT}{MODEL}", MODEL, 0, now, "")
    return SubmitTask(spec, b"{}", metadata=_encode(metadata), id_is_fresh=True)
