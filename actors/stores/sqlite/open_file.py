"""A store file while it is open: its lock, its connections, and the threads that they are used from."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from actors.errors import StoreUnavailable
from actors.store import Transaction
from actors.stores.sqlite import commit, connection
from actors.stores.sqlite.activity_table import ActivityTable
from actors.stores.sqlite.checkpoints import Checkpoints, checkpoint
from actors.stores.sqlite.connection import Durability, unavailable
from actors.stores.sqlite.lock import FileLock

T = TypeVar("T")

SWITCH_INTERVAL_S = 1e-4
"""How long the event loop may keep the interpreter from the writer thread while it is asked for.

With Python's 5 ms, a loop that never idles starves the writer: single commits of 4-24 s were measured, since
every short system call of the loop starts the writer's wait anew. With 0.1 ms the worst was 40 ms.
"""

TRIMMED_BYTES = 1 << 20
"""What dropping a slice of old tasks or entries writes to the log, roughly: a few pages for each."""


class OpenFile:
    """Exclusive to this process from construction to `close`. Raises StoreInUse, StoreUnavailable."""

    def __init__(self, path: Path, durability: Durability, activity_history: int) -> None:
        self.path = path
        self._lock = FileLock(path)
        self._lock.acquire()
        try:
            with unavailable(path):
                self._writer = connection.writer(path, durability)
                self._reader = connection.reader(path)
                self._scanner = connection.reader(path)
                self._checkpoints = Checkpoints(path, durability, self._end_log)
                self._position = self._newest_position()
                self.activity = ActivityTable(self._writer, activity_history)
        except BaseException:
            self._lock.release()
            raise
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL_S))
        self._writing = ThreadPoolExecutor(1, "store-write")
        self._scanning = ThreadPoolExecutor(1, "store-scan")

    def close(self) -> None:
        """Finish what was asked for and let others have the file."""
        self._writing.shutdown()
        self._checkpoints.close()
        self._scanning.shutdown()
        for each in (self._scanner, self._reader, self._writer):
            each.close()
        self._lock.release()

    def read(self, job: Callable[..., T], *arguments: Any) -> T:
        """Run a query by key, here and now."""
        with unavailable(self.path):
            return job(self._reader, *arguments)

    async def scan(self, job: Callable[..., T], *arguments: Any) -> T:
        """Run a query that may take long, in the thread for these."""
        return await self._in(self._scanning, self._scan, job, arguments)

    async def write(self, job: Callable[..., T], *arguments: Any) -> T:
        """Run a change after all that were asked for before. It is done even if the caller is cancelled."""
        return await self._in(self._writing, self._write, job, arguments)

    async def commit(self, work: Transaction, now: float) -> None:
        """Write a transaction of the runtime."""
        await self._in(self._writing, self._commit, work, now)

    async def trim(self, job: Callable[..., T], *arguments: Any) -> T:
        """Run a change, as `write` does, that puts about as much into the log as TRIMMED_BYTES says."""
        return await self._in(self._writing, self._trim, job, arguments)

    async def _in(self, thread: ThreadPoolExecutor, job: Callable[..., T], *arguments: Any) -> T:
        try:
            future = thread.submit(job, *arguments)
        except RuntimeError as error:
            raise StoreUnavailable(f"{self.path} is closed") from error
        return await asyncio.wrap_future(future)

    def _scan(self, job: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        with unavailable(self.path):
            return job(self._scanner, *arguments)

    def _write(self, job: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        with unavailable(self.path):
            return job(self._writer, *arguments)

    def _trim(self, job: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        try:
            return self._write(job, arguments)
        finally:
            self.activity.settle()
            self._checkpoints.wrote(TRIMMED_BYTES)

    def _commit(self, work: Transaction, now: float) -> None:
        with unavailable(self.path):
            written = commit.commit(self._writer, work, self.activity, self._position, now)
        self._position = written.position
        self.activity.settle()
        self._checkpoints.wrote(written.size)

    def _end_log(self) -> None:
        try:
            self._writing.submit(checkpoint, self._writer)
        except RuntimeError:
            return  # closing, which ends the log too

    def _newest_position(self) -> int:
        newest: int | None = self._writer.execute("SELECT max(pos) FROM journal").fetchone()[0]
        return newest or 0
