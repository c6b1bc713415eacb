"""The five calls of `sw4rm.scheduler` to messages of the actors, and their answers back; pure, no I/O.

What a client meant is never guessed: a field that breaks a rule is a BadRequest that names it. What was
understood and is not done is an answer (`accepted`, `enqueued` or `ok` false), never an error.
"""

from __future__ import annotations

from typing import Final

from actors.messages import Answer
from actors.messages import answers as a
from actors.messages.agent import PollActivity, PurgeActivity
from actors.messages.scheduler import RequestPreemption, ShutdownAgent, SubmitTask
from gateway.bad_request import BadRequest, line_of, name_of, text_of, whole_number_of
from gateway.translate import DEFAULT_GRACE_S, PriorityOrder, agent_name, build_submit, grace_of, iso_timestamp, levels
from protos import scheduler_pb2 as pb

DEFAULT_CONTENT_TYPE: Final = "application/json"
"""What an empty `content_type` means: the default of SW4RM's own clients."""

MAX_REASON_LENGTH: Final = 2000


class UnexpectedAnswer(Exception):
    """An actor answered something that this call cannot be answered with: a fault of the service."""


def submit_message(request: pb.SubmitTaskRequest, *, now: float, order: PriorityOrder, max_bytes: int) -> SubmitTask:
    """The message that admits the task. `now` in Unix seconds; params hold at most `max_bytes`.

    It is admitted even where nothing serves it yet: a worker of its agent may attach later. The model is
    that of the params' `model_name`, where they are JSON and have one. Raises BadRequest.
    """
    if len(request.params) > max_bytes:
        raise BadRequest("params", f"must be at most {max_bytes} bytes long", len(request.params))
    try:
        return build_submit(
            task_id=name_of("task_id", request.task_id),
            now=now,
            order=order,
            origin="grpc",
            task_input=request.params,
            agent_id=agent_name(request.agent_id),
            priority=whole_number_of("priority", request.priority, *levels(order)),
            scope=request.scope,
            content_type=line_of("content_type", request.content_type) or DEFAULT_CONTENT_TYPE,
            waits_for_instances=True,
        )
    except BadRequest as error:
        if error.field == "task_input":  # its name in the other protocols
            raise BadRequest("params", error.rule, error.got) from error
        raise


def preemption_message(request: pb.PreemptRequest) -> RequestPreemption:
    """The message that asks a task to give way. Raises BadRequest."""
    reason = text_of("reason", request.reason)
    if len(reason) > MAX_REASON_LENGTH:
        raise BadRequest("reason", f"must be at most {MAX_REASON_LENGTH} characters long", reason)
    return RequestPreemption(agent_name(request.agent_id), name_of("task_id", request.task_id), reason)


def shutdown_message(request: pb.ShutdownAgentRequest, absent_s: float = DEFAULT_GRACE_S) -> ShutdownAgent:
    """The message that shuts an agent down. Raises BadRequest.

    An absent grace period is the setting, and a zero one is none at all: `HasField` tells them apart, truth does not.
    """
    given = request.grace_period.seconds + request.grace_period.nanos / 1e9
    grace_s = grace_of(given if request.HasField("grace_period") else None, "grace_period", absent_s)
    return ShutdownAgent(agent_name(request.agent_id), grace_s)


def poll_message(request: pb.PollActivityBufferRequest) -> tuple[str, PollActivity]:
    """Whose activity buffer, and the message that asks for it. Raises BadRequest."""
    return agent_name(request.agent_id), PollActivity()


def purge_message(request: pb.PurgeActivityRequest) -> tuple[str, PurgeActivity]:
    """Whose entries to forget, and the message that does it. Raises BadRequest."""
    task_ids = tuple(name_of(f"task_ids[{n}]", task_id) for n, task_id in enumerate(request.task_ids))
    return agent_name(request.agent_id), PurgeActivity(task_ids)


def submit_response(answer: Answer) -> pb.SubmitTaskResponse:
    """Accepted, with what it waits for; or not, with the reason."""
    match answer:
        case a.TaskAccepted(reason=reason):
            return pb.SubmitTaskResponse(accepted=True, reason=reason)
        case a.Refused(reason=reason):
            return pb.SubmitTaskResponse(accepted=False, reason=reason)
        case _:
            raise UnexpectedAnswer(f"to SubmitTask: {answer!r}")


def preemption_response(answer: Answer) -> pb.PreemptResponse:
    """Whether the request was queued."""
    match answer:
        case a.PreemptionAnswered(enqueued=enqueued):
            return pb.PreemptResponse(enqueued=enqueued)
        case a.Refused():
            return pb.PreemptResponse(enqueued=False)
        case _:
            raise UnexpectedAnswer(f"to RequestPreemption: {answer!r}")


def shutdown_response(answer: Answer) -> pb.ShutdownAgentResponse:
    """Whether the shutdown was accepted."""
    match answer:
        case a.ShutdownAnswered(ok=ok):
            return pb.ShutdownAgentResponse(ok=ok)
        case a.Refused():
            return pb.ShutdownAgentResponse(ok=False)
        case _:
            raise UnexpectedAnswer(f"to ShutdownAgent: {answer!r}")


def poll_response(answer: Answer) -> pb.PollActivityBufferResponse:
    """The entries, oldest first."""
    match answer:
        case a.ActivityListed(entries=entries):
            return pb.PollActivityBufferResponse(entries=[_entry(entry) for entry in entries])
        case _:
            raise UnexpectedAnswer(f"to PollActivityBuffer: {answer!r}")


def purge_response(answer: Answer) -> pb.PurgeActivityResponse:
    """How many entries were forgotten."""
    match answer:
        case a.ActivityPurged(purged=purged):
            return pb.PurgeActivityResponse(purged=purged)
        case _:
            raise UnexpectedAnswer(f"to PurgeActivity: {answer!r}")


def _entry(entry: a.ActivityEntry) -> pb.ActivityEntry:
    activity = entry.activity
    return pb.ActivityEntry(
        task_id=entry.task_id,
        repo_id=activity.repo_id,
        worktree_id=activity.worktree_id,
        branch=activity.branch,
        description=activity.description,
        timestamp=iso_timestamp(entry.timestamp),
    )
