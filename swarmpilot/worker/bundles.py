"""Gathers what goes to one queue while the message before it awaits its confirm, and sends it as one message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from actors.envelope import Envelope
from actors.envelope_json import encode_envelope, join_envelopes
from swarmpilot.worker.conversation import Disconnected

MOST_ENVELOPES = 256
MOST_BYTES = 1 << 20

Send: TypeAlias = Callable[[str, bytes], Awaitable[None]]
"""Publishes a bundle to a queue and waits for the confirm. Raises Disconnected."""


class Bundles:
    """The envelopes that wait to be sent, by queue. The first to a queue is sent at once: there is no delay to tune."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lines: dict[str, list[tuple[bytes, asyncio.Future[None]]]] = {}
        self._senders: set[asyncio.Task[None]] = set()

    def add(self, queue: str, envelope: Envelope) -> asyncio.Future[None]:
        """Send it with the next bundle to `queue`; done once that is confirmed, fails with Disconnected."""
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line = self._lines.get(queue)
        if line is not None:
            line.append((encode_envelope(envelope), sent))
            return sent
        self._lines[queue] = line = [(encode_envelope(envelope), sent)]
        sender = asyncio.create_task(self._empty(queue, line))
        self._senders.add(sender)
        sender.add_done_callback(self._senders.discard)
        return sent

    async def _empty(self, queue: str, line: list[tuple[bytes, asyncio.Future[None]]]) -> None:
        try:
            while line:
                count = _fitting([body for body, _ in line])
                bundle, line[:count] = line[:count], []
                failure: Disconnected | None = Disconnected("disconnected")
                try:
                    await self._send(queue, join_envelopes([body for body, _ in bundle]))
                    failure = None
                except Disconnected as disconnected:
                    failure = disconnected
                finally:
                    _tell([sent for _, sent in bundle], failure)
        finally:
            del self._lines[queue]
            _tell([sent for _, sent in line], Disconnected("disconnected"))


def _fitting(bodies: Sequence[bytes]) -> int:
    """How many from the front make one bundle; at least one, however large."""
    size = 0
    for count, body in enumerate(bodies[:MOST_ENVELOPES]):
        size += len(body)
        if count and size > MOST_BYTES:
            return count
    return min(len(bodies), MOST_ENVELOPES)


def _tell(waiting: Sequence[asyncio.Future[None]], failure: Disconnected | None) -> None:
    for sent in waiting:
        if sent.done():
            continue
        if failure is None:
            sent.set_result(None)
        else:
            sent.set_exception(failure)
            sent.exception()  # of an answer nobody waits for it: who asked asks again
