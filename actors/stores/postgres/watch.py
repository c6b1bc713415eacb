"""Knows what has changed in the activity buffers, whichever process changed it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import asyncpg
import structlog

from actors.ending import end
from actors.errors import StoreUnavailable
from actors.stores.postgres import activity
from actors.stores.postgres.connections import Database
from actors.stores.postgres.faults import unavailable

log = structlog.get_logger(__name__)

CHANNEL: Final = "swarmpilot_activity"
POLL_S: Final = 1.0
"""How often it looks by itself, should a notification be lost with its connection (s)."""


class ActivityWatch:
    """`newest` and `forgotten` are as `ActivityReader` has them: exact for what this process has committed or read,
    milliseconds old for what others have."""

    def __init__(self, database: Database) -> None:
        self.newest = 0
        self.forgotten = 0
        self._database = database
        self._changed = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Learn what there is, then listen. Raises StoreUnavailable."""
        connection = await self._listening()
        self._watching = asyncio.create_task(self._watch(connection), name="activity-watch")

    async def close(self) -> None:
        """Stop listening."""
        await end(self._watching)
        self._watching = None

    def saw(self, newest: int, forgotten: int) -> None:
        """These numbers are committed; they only grow."""
        self.forgotten = max(self.forgotten, forgotten)
        if newest > self.newest:
            self.newest = newest
            self._changed.set()
            self._changed = asyncio.Event()

    async def beyond(self, change: int) -> None:
        """Return once there is a change with a higher number."""
        while self.newest <= change:
            await self._changed.wait()

    async def _watch(self, connection: asyncpg.Connection | None) -> None:
        while True:
            try:
                if connection is None:
                    connection = await self._listening()
                await asyncio.sleep(POLL_S)
                await self._look(connection)
            except StoreUnavailable as error:
                log.warning("activity of other processes is not heard of for now", reason=str(error))
                if connection is not None:
                    connection.terminate()
                    connection = None
                await asyncio.sleep(POLL_S)
            except BaseException:
                if connection is not None:
                    connection.terminate()
                raise

    async def _listening(self) -> asyncpg.Connection:
        connection = await self._database.connect()
        with unavailable(self._database.name):
            await connection.add_listener(CHANNEL, self._heard)
        await self._look(connection)
        return connection

    async def _look(self, connection: asyncpg.Connection) -> None:
        with unavailable(self._database.name):
            self.saw(*await activity.counted(connection))

    def _heard(self, _connection: Any, _pid: int, _channel: str, said: Any) -> None:
        newest, forgotten = str(said).split()
        self.saw(int(newest), int(forgotten))
