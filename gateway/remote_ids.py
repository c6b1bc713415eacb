"""Whose task a report means that names an instance's own id: instances that count from 1 give the same ids.

What the report says of its sender decides. Where that tells nothing, a task that has not ended is meant.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from actors.addresses import SCHEDULER
from actors.errors import SwarmPilotError
from actors.messages.answers import QueueOfInstance, QueuesDescribed
from actors.messages.scheduler import DescribeQueues
from actors.store import TaskRow
from actors.task_lifecycle import TERMINAL
from gateway.edge import Edge
from gateway.expecting import ask

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_log = structlog.get_logger(__name__)


async def task_reported(edge: Edge, task_id: str, instance_id: str) -> TaskRow | None:
    """The task under our id, else the one that the instance means by its own; None where it is not known (yet)."""
    row = await edge.reader.task(task_id)
    if row is None or row.task_id == task_id:
        return row
    rows = await edge.reader.tasks_by_remote_id(task_id)
    senders = {row.scheduled_ti for row in rows if row.scheduled_ti == instance_id}
    if not senders and may_name_an_instance(instance_id):
        senders = await _registered(edge, instance_id, rows)
    return choose(rows, task_id, senders)


def choose(rows: Sequence[TaskRow], remote_id: str, senders: Collection[str]) -> TaskRow | None:
    """The row that is meant, of those with this remote id; `senders` are the ti_uuids that the report may be from.

    A known sender means a task of its own or one whose push it has not answered yet, so none of the others'.
    Where the sender is not known (there are no `senders`), all rows are looked at.
    """
    own = [row for row in rows if row.scheduled_ti in senders] if senders else rows
    running = [row for row in own if row.state not in TERMINAL]
    if len(running) > 1:
        _log.warning(
            "a report's id is that of several tasks and its instance_id tells none from the others; "
            "it counts for the oldest",
            remote_id=remote_id,
            task_id=running[0].task_id,
            tasks=len(running),
        )
    return next(iter(running or own), None)


def may_name_an_instance(instance_id: str) -> bool:
    """Whether this reads as an address or as a ti_uuid; most instances send a name that only they know."""
    if address_of(instance_id) is not None:
        return True
    try:
        UUID(instance_id)
    except ValueError:
        return False
    return True


def address_of(text: str) -> tuple[str, int] | None:
    """Host and port of `host:port` or of a URL; None where it is neither."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        return _address(parts.hostname, parts.port) if parts.hostname and parts.port else None
    except ValueError:
        return None


async def _registered(edge: Edge, instance_id: str, rows: Sequence[TaskRow]) -> set[str]:
    """The ti_uuids of what is registered under this ti_uuid or address; on its way out and back again are two."""
    try:
        described = await ask(edge, SCHEDULER, DescribeQueues(), QueuesDescribed)
    except SwarmPilotError:
        if sum(row.state not in TERMINAL for row in rows) > 1:
            raise
        return set()  # reports are taken in even while the scheduler cannot be asked
    at = address_of(instance_id)
    return {queue.ti_uuid for queue in described.queues if _is(queue, instance_id, at)}


def _is(queue: QueueOfInstance, instance_id: str, at: tuple[str, int] | None) -> bool:
    return queue.ti_uuid == instance_id or _address(queue.host, queue.port) == at


def _address(host: str, port: int) -> tuple[str, int]:
    name = host.strip("[]").lower()
    return ("localhost" if name in _LOOPBACK else name, port)
