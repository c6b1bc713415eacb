"""The implementations of the store port, and what its tests are written with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from actors.store import JournalEntry, Lease, ShardAppend, TaskRow, Transaction, WholeStore
from actors.stores import open_store
from actors.task_lifecycle import TaskState
from tests.leasing import own
from tests.postgres_server import PostgresServer

T = TypeVar("T")


class Bench:
    """A store under test and the loop it lives on, so that the tests read as plain steps."""

    def __init__(self, url: str, make: Callable[[str], WholeStore] = open_store) -> None:
        self.url = url
        self._make = make
        self._runner = asyncio.Runner()
        self.store: WholeStore = make(url)
        self(self.store.open())

    def __call__(self, awaitable: Awaitable[T]) -> T:
        async def wait() -> T:
            return await awaitable

        return self._runner.run(wait())

    def reopen(self) -> None:
        """Close and open again, as another object."""
        self(self.store.close())
        self.store = self._make(self.url)
        self(self.store.open())

    def close(self) -> None:
        self(self.store.close())
        self._runner.close()

    def lease(self, shard: str = "scheduler", owner: str = "me") -> Lease:
        return self(own(self.store, [shard], owner))[shard]

    def commit(self, **work: Any) -> None:
        self(self.store.commit(Transaction(**work)))

    def journal(self, shard: str = "scheduler", after: int = 0) -> list[JournalEntry]:
        async def read() -> list[JournalEntry]:
            return [entry async for entry in self.store.journal(shard, after)]

        return self(read())

    def task(self, task_id: str) -> TaskRow:
        row = self(self.store.task(task_id))
        assert row is not None
        return row


DURABLE = ("sqlite-file", "postgres")
ALL = (*DURABLE, "sqlite-memory")


@contextmanager
def store_url(kind: str, folder: Path, postgres: Callable[[], PostgresServer]) -> Iterator[str]:
    """Where a new store of this kind is."""
    if kind == "postgres":
        server = postgres()
        url = server.store()
        yield url
        server.free(url)
    else:
        yield f"sqlite:///{folder}/store.db" if kind == "sqlite-file" else "sqlite://"


def entry(seq: int, task_id: str = "", kind: str = "TaskQueued", body: bytes = b"{}") -> JournalEntry:
    return JournalEntry(seq, key="one", at=1000.0 + seq, cause=f"m{seq}", task_id=task_id, kind=kind, body=body)


def append(lease: Lease, *entries: JournalEntry) -> ShardAppend:
    return ShardAppend(lease.shard, lease.epoch, entries)


def row(**changes: Any) -> dict[str, Any]:
    base = {"agent_id": "a", "model_name": "m", "priority": 0, "scope": "", "origin": "rest", "digest": "d"}
    return {**base, "state": TaskState.QUEUED, "submitted_at": 12.5, **changes}
