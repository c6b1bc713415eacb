"""A request as a client of the scheduler submits it: the one place where a SubmitTask is made in a simulation."""

from __future__ import annotations

import msgspec

from actors.messages.scheduler import SubmitTask
from actors.messages.tasks import IMPLICIT_AGENT, Features, TaskSpec
from simulation.jobs import Request

MODEL = "simulated"

_encode = msgspec.json.Encoder().encode


def submission(task_id: str, request: Request, now: float) -> SubmitTask:
    """The task, with what a client knows beforehand in its metadata, and in its spec what the gateway takes from there.

    Never the number of tokens that come out.
    """
    metadata: dict[str, str | int] = {"input_tokens": request.input_tokens}
    if request.max_tokens:
        metadata["max_tokens"] = request.max_tokens
    if request.task_kind:
        metadata["task_kind"] = request.task_kind
    if request.client:
        metadata["user_id"] = request.client
    if request.priority:
        metadata["priority"] = request.priority
    if request.deadline_s is not None:
        metadata["deadline_ms"] = round(request.deadline_s * 1000.0)
    spec = TaskSpec(
        task_id,
        f"{IMPLICIT_AGENT}{MODEL}",
        MODEL,
        request.priority,
        now,
        "",
        features=Features(request.task_kind, request.input_tokens, request.max_tokens or None),
        user_id=request.client,
        deadline_ms=metadata.get("deadline_ms"),  # type: ignore[arg-type]
    )
    return SubmitTask(spec, b"{}", metadata=_encode(metadata), id_is_fresh=True)
