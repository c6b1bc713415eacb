"""What changes in the activity buffers, followed once for all who stream it.

A follower that does not keep up costs no memory: what it has not taken yet it reads from the store. What it was at is
the number of a change, by which it can go on later, on another connection and after a restart of the service.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import structlog

from actors.activity_reader import ActivityFilter, ActivityReader, ActivityRow
from actors.errors import SwarmPilotError

log = structlog.get_logger(__name__)

PAGE: Final = 256
"""Entries read from the store at a time."""

RECENT: Final = 2_048
"""Changes kept in memory for those who are up to date."""

PAUSE_S: Final = 0.05
"""Pause between two looks at the store (s): changes of one task in between are seen as one."""

RETRY_S: Final = 1.0
"""Pause before a store that could not be read is read again (s)."""


class TooManyStreams(SwarmPilotError):
    """As many streams are open as may be."""


class FeedClosed(SwarmPilotError):
    """The service is being stopped."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a follower is told together; empty where nothing has happened for a while.

    `is_reset`: what happened since the follower left cannot be told any more, so that everything present follows, as
    for a new one. `position` is the change to go on from, None while the next batch belongs to this one.
    """

    rows: tuple[ActivityRow, ...] = ()
    position: int | None = None
    is_reset: bool = False


class ActivityFeed:
    """Hands out at most `most_streams` streams at a time. `close` ends them all."""

    def __init__(self, reader: ActivityReader, most_streams: int) -> None:
        self.reader = reader
        self.closed = asyncio.Event()
        self._most_streams = most_streams
        self._streams = 0
        self._recent: deque[ActivityRow] = deque()
        self._complete_after = 0
        self._head = 0
        self._news = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    def open(self, where: ActivityFilter, after: int | None) -> ActivityStream:
        """A stream of what matches, to be closed by the caller.

        It begins with the entries that are there, or with what came after change `after`. Raises TooManyStreams,
        FeedClosed.
        """
        if self.closed.is_set():
            raise FeedClosed("the service is being stopped")
        if self._streams >= self._most_streams:
            raise TooManyStreams(f"{self._streams} streams of activity are open, which is as many as may be")
        self._streams += 1
        if self._following is None:
            self._head = self._complete_after = self.reader.newest_activity_change()
            self._following = asyncio.create_task(self._follow(), name="activity")
        return ActivityStream(self, where, after)

    def close(self) -> None:
        """Take no new streams, and end those that are open."""
        self.closed.set()
        self._stop_following()
        self._news.set()

    def release(self) -> None:
        """One stream less."""
        self._streams -= 1
        if not self._streams:
            self._stop_following()

    async def changes(self, after: int, patience_s: float) -> tuple[list[ActivityRow], int]:
        """Changes after this one and up to the one returned; none where there are none for so many seconds.

        Raises FeedClosed.
        """
        try:
            async with asyncio.timeout(patience_s):
                while self._head <= after and not self.closed.is_set():
                    await self._news.wait()
        except TimeoutError:
            return [], after
        if self.closed.is_set():
            raise FeedClosed("the service is being stopped")
        if after >= self._complete_after:
            return [row for row in self._recent if row.change > after], self._head
        return await self._read(after)

    async def _read(self, after: int) -> tuple[list[ActivityRow], int]:
        newest = self.reader.newest_activity_change()
        rows = await self.reader.activity_changes(after, PAGE)
        return rows, rows[-1].change if len(rows) == PAGE else max([newest, *(row.change for row in rows[-1:])])

    async def _follow(self) -> None:
        while True:
            try:
                await self.reader.activity_beyond(self._head)
                rows, head = await self._read(self._head)
            except Exception as error:
                log.warning("activity cannot be followed; trying again", reason=repr(error))
                await asyncio.sleep(RETRY_S)
                continue
            self._recent.extend(rows)
            while len(self._recent) > RECENT:
                self._complete_after = self._recent.popleft().change
            self._complete_after = max(self._complete_after, self.reader.forgotten_activity_change())
            self._head = head
            self._wake()
            await asyncio.sleep(PAUSE_S)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _stop_following(self) -> None:
        if self._following is not None:
            self._following.cancel()
            self._following = None
        self._recent.clear()


class ActivityStream:
    """One follower's way through the changes."""

    def __init__(self, feed: ActivityFeed, where: ActivityFilter, after: int | None) -> None:
        self._feed = feed
        self._where = where
        self._after = after
        self._is_open = True

    def close(self) -> None:
        """Nobody follows any more."""
        if self._is_open:
            self._is_open = False
            self._feed.release()

    async def batches(self, heartbeat_s: float) -> AsyncIterator[Batch]:
        """What is there, then what changes, until the feed is closed; an empty batch where nothing does for so long."""
        reader = self._feed.reader
        position = self._after
        if position is not None and position > reader.newest_activity_change():
            position = None  # of another store: its numbers mean nothing here
        is_new = self._after is None
        clock = asyncio.get_running_loop().time
        heartbeat_due = clock() + heartbeat_s
        try:
            while True:
                if position is None:
                    if not is_new:
                        yield Batch(is_reset=True)
                    head = reader.newest_activity_change()
                    async for page in self._present(head):
                        yield Batch(page)
                    position, is_new = head, False
                    yield Batch(position=position)
                    heartbeat_due = clock() + heartbeat_s
                rows, upto = await self._feed.changes(position, max(0.0, heartbeat_due - clock()))
                if reader.forgotten_activity_change() > position:
                    position = None
                    continue
                position = upto
                batch = Batch(tuple(row for row in rows if self._where.matches(row)), position)
                if batch.rows or clock() >= heartbeat_due:
                    yield batch
                    heartbeat_due = clock() + heartbeat_s
        except FeedClosed:
            return

    async def _present(self, head: int) -> AsyncIterator[tuple[ActivityRow, ...]]:
        after = 0
        while rows := await self._feed.reader.live_activity(self._where, after=after, upto=head, limit=PAGE):
            if self._feed.closed.is_set():
                raise FeedClosed("the service is being stopped")
            yield tuple(rows)
            after = rows[-1].change
