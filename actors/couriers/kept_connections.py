"""Pushes over kept-alive HTTP/1.1 connections, at about a third of what aiohttp's client costs.

A push is the busiest request that leaves the service, and always of one shape. What else is sent, to whomever and
seldom, goes through aiohttp. The promise here is the courier's: NotSent only where not a byte of the request was.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

import httptools

IDLE_S = 4.0
"""Longest rest of a connection. uvicorn closes after 5 s; leaving earlier spares the race of a push with that close."""


class NotSent(OSError):
    """No connection could be made, so nothing was sent."""


class KeptConnections:
    """Connections by host and port; each carries one request at a time."""

    def __init__(self, timeout_s: float, connect_timeout_s: float, most_answer_bytes: int) -> None:
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._most_answer_bytes = most_answer_bytes
        self._idle: dict[tuple[str, int], deque[_Link]] = {}
        self._open: set[_Link] = set()

    async def send(self, host: str, port: int, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a whole request, the body only as far as anybody could want it.

        Raises NotSent; TimeoutError and other OSErrors where it may have arrived.
        """
        async with asyncio.timeout(self._timeout_s):
            link = self._take(host, port) or await self._connect(host, port)
            try:
                answer = await link.ask(request)
            except BaseException:
                link.end()
                raise
        if link.is_usable:
            link.rested_at = asyncio.get_running_loop().time()
            self._idle.setdefault((host, port), deque()).append(link)
        return answer

    @property
    def idle(self) -> int:
        """How many connections rest."""
        return sum(len(links) for links in self._idle.values())

    def close(self) -> None:
        """Disconnect everywhere; whoever waits for an answer gets an OSError."""
        self._idle.clear()
        for link in tuple(self._open):
            link.end()

    def _take(self, host: str, port: int) -> _Link | None:
        """The connection used last, so that those too many grow old; what has grown old is closed."""
        idle = self._idle.get((host, port))
        oldest = asyncio.get_running_loop().time() - IDLE_S
        while idle:
            if idle[0].is_usable and idle[0].rested_at > oldest:
                link = idle.pop()
                if link.is_usable:
                    return link
            else:
                idle.popleft().end()
        return None

    async def _connect(self, host: str, port: int) -> _Link:
        def make() -> _Link:
            return _Link(self._open.add, partial(self._lost, (host, port)), self._most_answer_bytes)

        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                _, link = await loop.create_connection(make, host, port)
        except TimeoutError as error:
            raise NotSent("no connection in time") from error
        except (OSError, ValueError) as error:
            raise NotSent(str(error)) from error
        return link

    def _lost(self, address: tuple[str, int], link: _Link) -> None:
        """It is no more: also where it rested, perhaps at an instance that nothing is ever sent to again."""
        self._open.discard(link)
        idle = self._idle.get(address, deque())
        if link in idle:
            idle.remove(link)
        if not idle:
            self._idle.pop(address, None)


class _Link(asyncio.Protocol):
    """One connection; asyncio and httptools call its methods."""

    def __init__(self, opened: Callable[[_Link], None], lost: Callable[[_Link], None], most_answer_bytes: int) -> None:
        self.is_usable = True
        self.rested_at = 0.0
        self._opened = opened
        self._lost = lost
        self._most_answer_bytes = most_answer_bytes
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._begin_answer()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; the status and body of its answer. Raises OSError."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def end(self) -> None:
        """Disconnect at once."""
        self.is_usable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's are no subclasses of asyncio's
        self._opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The instance has gone, or we have ended it. An answer without a length ends so, too."""
        self.is_usable = False
        self._lost(self)
        if self._ends_with_connection and error is None:
            self._complete()
        elif self._answer is not None and not self._answer.done():
            lost = error if isinstance(error, OSError) else ConnectionResetError("the connection was closed")
            self._answer.set_exception(lost)

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer."""
        if self._answer is None:
            self.end()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(ConnectionError(f"what answers does not speak HTTP: {error}"))

    def on_message_begin(self) -> None:
        """An answer begins; where nobody asked for one, no later answer could be told from it."""
        if self._answer is None:
            self.end()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header of the answer."""
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._is_delimited = True

    def on_headers_complete(self) -> None:
        """The answer's head is whole."""
        status = self._parser.get_status_code()
        self._ends_with_connection = not self._is_delimited and status >= 200 and status not in (204, 304)

    def on_body(self, body: bytes) -> None:
        """A part of the answer's body."""
        self._body += body
        if len(self._body) > self._most_answer_bytes:
            self._complete()
            self.end()

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._parser.get_status_code() < 200:
            self._begin_answer()  # 100 Continue and its like come before the answer
            return
        if not self._parser.should_keep_alive():
            self.is_usable = False
        self._complete()
        if not self.is_usable:
            self._transport.close()

    def _begin_answer(self) -> None:
        self._body = b""
        self._is_delimited = False
        self._ends_with_connection = False

    def _complete(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result((self._parser.get_status_code(), self._body))
        self._begin_answer()

    def _fail(self, error: OSError) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)
        self.end()
