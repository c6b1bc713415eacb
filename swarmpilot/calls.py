"""Every REST request of the clients and how its answer is read, without any I/O: both clients perform these."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from swarmpilot.agents import AgentRecord, agent_page, agent_record
from swarmpilot.dead import DeadRecord, Replay, dead_record
from swarmpilot.errors import (
    NoInstances,
    RequestRefused,
    SchedulerError,
    SchedulerUnavailable,
    TaskConflict,
    TaskNotFound,
)
from swarmpilot.placement import Placement, placement
from swarmpilot.records import Health, InstanceQueue, SubmittedTask, TaskRecord, instance_queue, task_record

T = TypeVar("T")

BATCH = 500
BATCH_BYTES = 1024 * 1024
"""Bytes of tasks in a request for many of them, at most; one that is larger goes alone. Bodies have a limit
(max_body_bytes, and what a proxy allows), and no task is to meet it because of the others."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. `is_repeatable`: sending it twice does what sending it once does."""

    method: str
    path: str
    read: Callable[[dict[str, Any]], T]
    body: bytes | None = None
    is_repeatable: bool = True


def submit(
    model: str,
    task_input: Mapping[str, Any],
    metadata: Mapping[str, Any] | None,
    priority: int | str | None,
    task_id: str | None,
    scope: str | None = None,
) -> Call[SubmittedTask]:
    """Submit a task. The id is made here where none is given, so that a repeat of the request is the same task."""
    body = {"model_name": model, **_task(task_input, metadata, priority, task_id, scope)}
    return Call("POST", "/queue/submit", _submitted, _encode(body))


def submit_batches(
    model: str,
    inputs: Iterable[Mapping[str, Any]],
    metadata: Mapping[str, Any] | None,
    priority: int | str | None,
    scope: str | None = None,
) -> list[Call[list[SubmittedTask | SchedulerError]]]:
    """Submit many tasks, up to 500 a request or 1 MiB."""
    tasks = [_encode(_task(task_input, metadata, priority, None, scope)) for task_input in inputs]
    head = b'{"model_name": %b, "tasks": [' % _encode(model)
    return [
        Call("POST", "/queue/submit_batch", _submitted_batch, b"%b%b]}" % (head, b", ".join(part)))
        for part in _parts(tasks)
    ]


def with_the_rest_failed(
    answers: list[SubmittedTask | SchedulerError], tasks: int, failure: SchedulerError
) -> list[SubmittedTask | SchedulerError]:
    """The answers to as many tasks, of which a later request failed. Raises the failure where it was the first."""
    if not answers:
        raise failure
    return answers + [failure] * (tasks - len(answers))


def query(task_id: str) -> Call[TaskRecord]:
    """Ask for a task's record."""
    return Call("GET", "/task/query?" + urlencode({"task_id": task_id}), task_record)


def preempt(agent_id: str, task_id: str, reason: str, grace_s: float | None) -> Call[bool]:
    """Ask a task of this agent to give way -> whether it could be asked."""
    path = f"/agents/{quote(agent_id, safe='')}/tasks/{quote(task_id, safe='')}/preempt"
    body = {"reason": reason, **({} if grace_s is None else {"grace_s": grace_s})}
    return Call("POST", path, lambda answer: bool(answer["enqueued"]), _encode(body))


def agents(after: str) -> Call[tuple[list[AgentRecord], bool]]:
    """Ask how the agents after this one are -> some of them, and whether there are more."""
    return Call("GET", "/agents" + ("?" + urlencode({"after": after}) if after else ""), agent_page)


def agent(agent_id: str) -> Call[AgentRecord]:
    """Ask how an agent is."""
    return Call("GET", f"/agents/{quote(agent_id, safe='')}", agent_record)


def shutdown_agent(agent_id: str, grace_s: float | None) -> Call[bool]:
    """Shut an agent down -> whether that was accepted."""
    body = _encode({} if grace_s is None else {"grace_period_s": grace_s})
    return Call("POST", f"/agents/{quote(agent_id, safe='')}/shutdown", lambda answer: bool(answer["ok"]), body)


def story(task_id: str) -> Call[list[tuple[float, str, str]]]:
    """Ask for what happened to a task -> time, actor and kind of each event."""
    return Call("GET", "/task/story?" + urlencode({"task_id": task_id}), _story)


def dead_letters(after: str) -> Call[list[DeadRecord]]:
    """Ask for the dead letters after this one -> some of them, none at the end."""
    path = "/dead" + ("?" + urlencode({"after": after}) if after else "")
    return Call("GET", path, lambda body: [dead_record(each) for each in body["letters"]])


def dead_letter(letter_id: str) -> Call[DeadRecord]:
    """Ask for a dead letter."""
    return Call("GET", f"/dead/{quote(letter_id, safe='')}", dead_record)


def replay(letter_id: str) -> Call[Replay]:
    """Have a dead letter sent again -> what became of it."""
    path = f"/dead/{quote(letter_id, safe='')}/replay"
    return Call("POST", path, lambda body: Replay(str(body["outcome"]), str(body["reason"])), b"{}")


def queues(model: str | None) -> Call[list[InstanceQueue]]:
    """Ask for the instances and the waits there, of one model or of all."""
    question = "?" + urlencode({"model_name": model}) if model else ""
    return Call("GET", "/queue/info" + question, lambda body: [instance_queue(entry) for entry in body["queues"]])


def explain(task_id: str) -> Call[Placement]:
    """Ask why a task is where it is."""
    return Call("GET", "/queue/explain?" + urlencode({"task_id": task_id}), placement)


def register(host: str, port: int, model: str) -> Call[str]:
    """Register an instance -> its ti_uuid."""
    body = _encode({"host": host, "port": port, "model_name": model})
    return Call("POST", "/ti/register", lambda answer: str(_success(answer)["ti_uuid"]), body)


def remove(host: str, port: int) -> Call[str]:
    """Remove an instance -> its ti_uuid."""
    body = _encode({"host": host, "port": port})
    return Call("POST", "/ti/remove", lambda answer: str(_success(answer)["ti_uuid"]), body, is_repeatable=False)


def set_strategy(name: str, model: str | None) -> Call[str]:
    """Choose the placement strategy, for one model or for all."""
    body = {"name": name, **({"model_name": model} if model else {})}
    return Call("POST", "/scheduler/set", lambda answer: str(_success(answer).get("name") or name), _encode(body))


def set_order(name: str, model: str | None) -> Call[str]:
    """Choose the order of the line, for one model or for all."""
    body = {"order": name, **({"model_name": model} if model else {})}
    return Call("POST", "/scheduler/set", lambda answer: str(_success(answer).get("order") or name), _encode(body))


def health() -> Call[Health]:
    """Ask how the scheduler is."""
    return Call("GET", "/health", lambda body: Health(str(body["status"]), str(body.get("version", "")), body))


def read_answer(call: Call[T], status: int, retry_after: str | None, body: bytes) -> T:
    """The answer as a value. Raises the SchedulerError that it stands for."""
    try:
        read = json.loads(body)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise SchedulerError(f"{call.path} answered {status} with what is no JSON object: {body[:200]!r}")
    if status >= 400:
        raise refusal(status, retry_after, str(read.get("detail") or read.get("message") or read.get("status") or read))
    try:
        return call.read(read)
    except (KeyError, TypeError, ValueError) as failure:
        raise SchedulerError(f"{call.path} answered in an unknown shape ({failure!r}): {body[:200]!r}") from None


def refusal(status: int, retry_after: str | None, text: str) -> SchedulerError:
    """The error that a status code stands for."""
    if status == 503 and text.startswith("No TaskInstances"):
        return NoInstances(text)
    if status in (502, 503, 504):
        try:
            retry_after_s = float(retry_after or 1.0)
        except ValueError:
            retry_after_s = 1.0
        return SchedulerUnavailable(text, retry_after_s)
    if status >= 500:
        return SchedulerError(f"the scheduler failed ({status}): {text}")
    kinds: dict[int, type[RequestRefused]] = {404: TaskNotFound, 409: TaskConflict}
    return kinds.get(status, RequestRefused)(text, status)


def _task(
    task_input: Mapping[str, Any],
    metadata: Mapping[str, Any] | None,
    priority: int | str | None,
    task_id: str | None,
    scope: str | None,
) -> dict[str, Any]:
    with_priority = {} if priority is None else {"priority": priority}
    with_scope = {} if scope is None else {"scope": scope}
    return {
        "task_input": dict(task_input) if isinstance(task_input, Mapping) else task_input,
        "metadata": {**(metadata or {}), **with_priority, **with_scope},
        "task_id": f"task-{uuid.uuid4().hex}" if task_id is None else task_id,
    }


def _parts(tasks: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    begin = size = 0
    for end, task in enumerate(tasks):
        if end > begin and (end - begin == BATCH or size + len(task) > BATCH_BYTES):
            yield tasks[begin:end]
            begin, size = end, 0
        size += len(task)
    if tasks:
        yield tasks[begin:]


def _encode(body: object) -> bytes:
    return json.dumps(body).encode()


def _submitted(body: dict[str, Any]) -> SubmittedTask:
    _success(body)
    return SubmittedTask(str(body["task_id"]), str(body.get("scheduled_ti") or ""))


def _submitted_batch(body: dict[str, Any]) -> list[SubmittedTask | SchedulerError]:
    entries: Sequence[dict[str, Any]] = body["results"]
    return [_entry(entry) for entry in entries]


def _entry(entry: dict[str, Any]) -> SubmittedTask | SchedulerError:
    if entry.get("status") == "success":
        return _submitted(entry)
    text = str(entry.get("detail") or entry.get("message") or entry)
    return refusal(int(entry.get("code") or (503 if text.startswith("No TaskInstances") else 400)), None, text)


def _story(body: dict[str, Any]) -> list[tuple[float, str, str]]:
    return [(float(event["at"]), str(event["actor"]), str(event["kind"])) for event in body["events"]]


def _success(body: dict[str, Any]) -> dict[str, Any]:
    if body.get("status") != "success":
        raise RequestRefused(str(body.get("message") or body.get("detail") or body), 200)
    return body
