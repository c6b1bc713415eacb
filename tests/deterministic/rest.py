"""What must hold once everything has come to rest, read from the record alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING

from actors.messages.answers import QueuesDescribed, TaskAccepted
from actors.stores.sqlite import reads
from actors.stores.sqlite.record import SqliteRecord
from actors.task_lifecycle import TaskState
from actors.verification import Limits
from actors.verification.reading import verify_record
from tests.deterministic.node import BEHAVIOURS, MAX_ATTEMPTS, SLOTS_OF
from tests.properties.one_process import Request

if TYPE_CHECKING:
    from tests.deterministic.world import World

LIMITS = Limits(max_attempts=MAX_ATTEMPTS, slots_of=SLOTS_OF)


class _Record(SqliteRecord):
    """The record in a database that is at hand."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(Path(":memory:"))
        self._connection = connection

    async def open(self) -> None:
        """It is open."""

    async def close(self) -> None:
        """It stays open."""


async def check_rest(world: World) -> None:
    """Raises AssertionError."""
    database, requests = world.database, world.clients.requests
    findings = await verify_record(
        _Record(database.connection),
        BEHAVIOURS,
        LIMITS,
        drained=True,
        acknowledged=[request.answer.task_id for request in requests if isinstance(request.answer, TaskAccepted)],
        expected_dead=world.watch.set_aside,
    )
    assert findings.is_sound, "; ".join(str(violation) for violation in findings.violations)
    for row in database.run(reads.newest_tasks, None, None, 10_000):
        known = world.watch.tasks[row.task_id]
        assert row.state == known.end, f"{row.task_id} is {row.state} and ended as {known.end}"
        kept = ["input", "result"] if row.state is TaskState.COMPLETED else ["input"]
        for part in kept:
            assert database.run(reads.payload, row.task_id, part) is not None, f"{row.task_id} has lost its {part}"
    _check_quiet(requests)


def _check_quiet(requests: Iterable[Request]) -> None:
    """Nothing is left to do: no credit is taken, nobody waits."""
    last = [request.answer for request in requests if isinstance(request.answer, QueuesDescribed)][-1]
    assert (last.running_total, last.waiting_total) == (0, 0), last
    assert all((queue.running, queue.waiting) == (0, 0) for queue in last.queues), last
