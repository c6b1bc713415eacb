"""Changes of activity as Server-Sent Events, for as long as the client listens and the service serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from actors.activity_reader import ActivityRow
from actors.errors import SwarmPilotError
from gateway.activity_feed import ActivityFeed, ActivityStream, Batch
from gateway.schemas_activity import record_of

HEARTBEAT_S: Final = 15.0
"""A comment is sent where nothing else has been for so long (s), so that either end notices when the other is gone."""

LAST_WORDS_S: Final = 1.0
"""How long a client that does not read may hold up the end of its stream (s)."""


class EventStream(StreamingResponse):
    """The answer to a client that follows `stream`."""

    media_type = "text/event-stream"

    def __init__(self, feed: ActivityFeed, stream: ActivityStream) -> None:
        super().__init__(_events(stream), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._feed = feed
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(super().__call__(scope, receive, send))
        closed = asyncio.ensure_future(self._feed.closed.wait())
        try:
            await asyncio.wait({sending, closed}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({sending}, timeout=LAST_WORDS_S)
            if sending.done():
                sending.result()
        finally:
            for task in (sending, closed):
                task.cancel()
            await asyncio.gather(sending, closed, return_exceptions=True)
            self._stream.close()


async def _events(stream: ActivityStream) -> AsyncIterator[bytes]:
    try:
        async for batch in stream.batches(HEARTBEAT_S):
            yield encode(batch)
    except SwarmPilotError:
        return  # the store cannot be read: the client connects again, and goes on from where it was


def encode(batch: Batch) -> bytes:
    """The batch as events. An `id` without an event only moves the place from which the client would go on."""
    if batch.is_reset:
        return b"event: reset\ndata: {}\n\n"
    events = b"".join(_event(row) for row in batch.rows)
    if batch.position is None:
        return events
    if batch.rows and batch.rows[-1].change == batch.position:
        return events
    return b"%s: alive\nid: %d\n\n" % (events, batch.position)


def _event(row: ActivityRow) -> bytes:
    data = msgspec.json.encode(record_of(row).model_dump(mode="json"))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (row.change, row.status.encode(), data)
