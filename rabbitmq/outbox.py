"""Gathers what goes to one place while the message before it awaits its confirm, and sends it as one.

Where nothing is under way to a place, it is sent at once: there is no delay to tune. Different places are
sent to at the same time; to one place, one bundle follows the other, which keeps the order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from actors.addresses import Kind
from actors.ending import end
from actors.errors import BrokerUnavailable

MAX_PARCELS = 256
MAX_BYTES = 1 << 20


class Destination(NamedTuple):
    """A queue, and the kind of receiver that reads it, which decides how it is written to."""

    queue: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Parcel:
    """An encoded envelope. `correlation` is that of an answer to a producer."""

    body: bytes
    correlation: str = ""


Send = Callable[[Destination, Sequence[Parcel]], Awaitable[None]]


class Ticket:
    """What a caller waits on: done when all its parcels are confirmed, failed with the first that is not."""

    __slots__ = ("_done", "_left")

    def __init__(self, parcels: int) -> None:
        self._left = parcels
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def confirmed(self) -> None:
        """Wait. Raises BrokerUnavailable."""
        await self._done

    def count(self, error: BrokerUnavailable | None) -> None:
        """One more parcel is confirmed, or (`error`) cannot be."""
        self._left -= 1
        if self._done.done():
            return
        if error is not None:
            self._done.set_exception(error)
        elif self._left == 0:
            self._done.set_result(None)


Line = deque[tuple[Parcel, Ticket]]


class Outbox:
    """The waiting lines, one for each destination that is being sent to."""

    def __init__(self, send: Send, *, max_parcels: int = MAX_PARCELS, max_bytes: int = MAX_BYTES) -> None:
        self._send = send
        self._max_parcels = max_parcels
        self._max_bytes = max_bytes
        self._lines: dict[Destination, Line] = {}
        self._senders: set[asyncio.Task[None]] = set()

    def put(self, destination: Destination, parcel: Parcel, ticket: Ticket) -> None:
        """Send this parcel with the next bundle to its destination."""
        line = self._lines.get(destination)
        if line is not None:
            line.append((parcel, ticket))
            return
        self._lines[destination] = line = deque([(parcel, ticket)])
        sender = asyncio.create_task(self._empty(destination, line))
        self._senders.add(sender)
        sender.add_done_callback(self._senders.discard)

    async def close(self, timeout_s: float) -> None:
        """Wait for what is under way, at most this long; the rest fails."""
        if not self._senders:
            return
        _, late = await asyncio.wait(self._senders, timeout=timeout_s)
        await end(*late)

    async def _empty(self, destination: Destination, line: Line) -> None:
        bundle: list[tuple[Parcel, Ticket]] = []
        try:
            while line:
                bundle = self._take(line)
                error = None
                try:
                    await self._send(destination, [parcel for parcel, _ in bundle])
                except BrokerUnavailable as unavailable:
                    error = unavailable
                for _, ticket in bundle:
                    ticket.count(error)
                bundle = []
        finally:
            del self._lines[destination]
            for _, ticket in (*bundle, *line):
                ticket.count(BrokerUnavailable(f"publishing to {destination.queue} was broken off"))

    def _take(self, line: Line) -> list[tuple[Parcel, Ticket]]:
        """From the front, as much as fits; one parcel at least, however large."""
        bundle = [line.popleft()]
        size = len(bundle[0][0].body)
        while line and len(bundle) < self._max_parcels:
            size += len(line[0][0].body)
            if size > self._max_bytes:
                break
            bundle.append(line.popleft())
        return bundle
