"""What a producer publishes straight to RabbitMQ, to the messages it means: one command, or an array of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from actors.messages import Message
from actors.messages.scheduler import (
    DescribeQueues,
    DetachWorker,
    RemoveInstance,
    RequestPreemption,
    SetStrategy,
    ShutdownAgent,
)
from gateway.bad_request import Absent, BadRequest, line_of, name_of, object_of, text_of, whole_number_of
from gateway.json_body import decode_json
from gateway.translate import DEFAULT_GRACE_S, PriorityOrder, agent_name, build_submit, grace_of, new_task_id
from gateway.worker_frames import attach_of, worker_name

IDENTITY: Final = "message-identity"

MOST_COMMANDS: Final = 100
"""Commands in one body."""

COMMANDS: Final = {
    "SubmitTask": ("model_name", "task_input", "metadata", "task_id", "agent_id", "priority", "scope"),
    "RequestPreemption": ("agent_id", "task_id", "reason"),
    "ShutdownAgent": ("agent_id", "grace_period_s"),
    "SetStrategy": ("name", "model_name", "order"),
    "RemoveInstance": ("host", "port"),
    "DescribeQueues": ("model_name",),
    "AttachWorker": ("worker_id", "agent_id", "capacity", "incarnation"),
    "DetachWorker": ("worker_id",),
}
"""The commands that a producer may send, with their fields."""


def commands_from_amqp(
    body: bytes,
    headers: Mapping[str, Any],
    *,
    order: PriorityOrder = "importance",
    shutdown_grace_s: float = DEFAULT_GRACE_S,
    now: float | None = None,
) -> list[Message]:
    """The messages for the scheduler that this body means: of one command, or of an array of 1 to 100, all or none.

    Of an array the n-th command, from 0, has the identity of the message with `-n`; see `command_from_amqp`.
    """
    value = decode_json(body)
    if not isinstance(value, list):
        return [_message(value, headers.get(IDENTITY), order, shutdown_grace_s, now, None)]
    if not 1 <= len(value) <= MOST_COMMANDS:
        raise BadRequest("body", f"must be a JSON object, or an array of 1 to {MOST_COMMANDS} of them", value)
    identity = headers.get(IDENTITY)
    messages = []
    for n, one in enumerate(value):
        try:
            messages.append(_message(one, f"{identity}-{n}" if identity else None, order, shutdown_grace_s, now, None))
        except BadRequest as error:
            raise BadRequest(f"[{n}].{error.field}", error.rule, error.got) from None
    return messages


def command_from_amqp(
    body: bytes,
    headers: Mapping[str, Any],
    *,
    order: PriorityOrder = "importance",
    shutdown_grace_s: float = DEFAULT_GRACE_S,
    now: float | None = None,
    new_id: str | None = None,
) -> Message:
    """The message for the scheduler that this body, one command, means.

    A task without `task_id` is named after the message, where the broker adapter knows its identity
    (`message-identity` among the headers), so that a message delivered twice is one task; else it is given
    `new_id`. A producer that may publish twice sends a `task_id` of its own: that is what makes the repeat
    harmless. `shutdown_grace_s` is that of a shutdown that states none. `now` in Unix seconds. Raises BadRequest or
    MalformedJson, both ValueError.
    """
    return _message(decode_json(body), headers.get(IDENTITY), order, shutdown_grace_s, now, new_id)


def _message(
    value: object,
    identity: str | None,
    order: PriorityOrder,
    shutdown_grace_s: float,
    now: float | None,
    new_id: str | None,
) -> Message:
    command = dict(object_of("body", value))
    kind = command.pop("type", Absent.FIELD)
    if not isinstance(kind, str) or kind not in COMMANDS:
        raise BadRequest("type", f"must be one of {', '.join(COMMANDS)}", kind)
    for name, given in command.items():
        if name not in COMMANDS[kind]:
            raise BadRequest(name, f"is not a field of {kind}, which has {', '.join(COMMANDS[kind])}", given)
    match kind:
        case "SubmitTask":
            if command.get("task_id") is None and identity:
                command["task_id"] = f"task-{identity}"
            at = time.time() if now is None else now
            return _submit(command, order, at, new_id or new_task_id(at))
        case "RequestPreemption":
            return _preemption(command)
        case "ShutdownAgent":
            grace_s = grace_of(command.get("grace_period_s"), absent=shutdown_grace_s)
            return ShutdownAgent(agent_name(_needed(command, "agent_id")), grace_s)
        case "SetStrategy":
            return _strategy(command)
        case "RemoveInstance":
            port = whole_number_of("port", _needed(command, "port"), 1, 65535)
            return RemoveInstance(name_of("host", _needed(command, "host")), port)
        case "AttachWorker":
            return attach_of(*(_needed(command, name) for name in COMMANDS[kind]))
        case "DetachWorker":
            return DetachWorker(worker_name(_needed(command, "worker_id")))
        case _:
            return DescribeQueues(_model(command))


def _submit(command: Mapping[str, Any], order: PriorityOrder, now: float, new_id: str) -> Message:
    task_input = _needed(command, "task_input")
    given_id = command.get("task_id")
    return build_submit(
        task_id=new_id if given_id is None else name_of("task_id", given_id),
        now=now,
        order=order,
        origin="amqp",
        task_input=msgspec.json.encode(object_of("task_input", task_input)),
        agent_id=command.get("agent_id"),
        model_name=command.get("model_name"),
        metadata=msgspec.json.encode(object_of("metadata", command.get("metadata") or {})),
        priority=command.get("priority"),
        scope=command.get("scope"),
        id_is_fresh=given_id is None,
        waits_for_instances=True,
    )


def _strategy(command: Mapping[str, Any]) -> Message:
    """A strategy, an order of the line, or both."""
    order = command.get("order")
    if order is None:
        return SetStrategy(name_of("name", _needed(command, "name")), _model(command))
    name = command.get("name")
    return SetStrategy("" if name is None else name_of("name", name), _model(command), name_of("order", order))


def _preemption(command: Mapping[str, Any]) -> Message:
    return RequestPreemption(
        agent_name(_needed(command, "agent_id")),
        name_of("task_id", _needed(command, "task_id")),
        text_of("reason", command.get("reason") or ""),
    )


def _model(command: Mapping[str, Any]) -> str:
    return line_of("model_name", command.get("model_name") or "")


def _needed(command: Mapping[str, Any], name: str) -> object:
    value: object = command.get(name, Absent.FIELD)
    if value is Absent.FIELD:
        raise BadRequest(name, "must be given")
    return value
