"""Posts JSON to one URL over a kept-alive connection, at about a third of what aiohttp's client costs.

A report is the same small request over and over; on a machine that runs tasks, that time is better spent on them.
"""

from __future__ import annotations

import asyncio
from typing import cast
from urllib.parse import urlsplit

import httptools


class PostConnection:
    """Posts to `url` (http or https), one request at a time; connects when it has to."""

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self.timeout_s = timeout_s
        self._head = (
            f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._link: _Link | None = None

    async def post(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises OSError (ConnectionError among them) or TimeoutError."""
        try:
            async with asyncio.timeout(self.timeout_s):
                if self._link is None or self._link.is_over:
                    self._link = await self._connect()
                return await self._link.ask(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        except BaseException:
            # Whatever is still to come on this connection answers a request that nobody waits for.
            self.close()
            raise

    def close(self) -> None:
        """Disconnect."""
        link, self._link = self._link, None
        if link:
            link.end()

    async def _connect(self) -> _Link:
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(_Link, self._host, self._port, ssl=self._tls or None)
        return link


class _Link(asyncio.Protocol):
    """One connection; asyncio and httptools call its methods."""

    def __init__(self) -> None:
        self.is_over = False
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[int] | None = None
        self._body = b""

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; the status and body of its answer."""
        assert self._transport
        self._body = b""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer, self._body

    def end(self) -> None:
        """Disconnect at once."""
        self.is_over = True
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        # Not asked for: uvloop's transports do all of this and are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server has gone."""
        self.is_over = True
        self._fail(exc if isinstance(exc, OSError) else ConnectionResetError("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as failure:
            self._fail(ConnectionError(f"what answers does not speak HTTP: {failure}"))
            self.end()

    def on_body(self, body: bytes) -> None:
        """A part of the answer's body."""
        self._body += body

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if not self._parser.should_keep_alive():
            self.end()
        if self._answer and not self._answer.done():
            self._answer.set_result(self._parser.get_status_code())

    def _fail(self, failure: Exception) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(failure)
