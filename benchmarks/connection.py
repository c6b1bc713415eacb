"""One kept-alive HTTP/1.1 connection for the load generator: whole requests out, checked answers in.

It shares the cores with what it measures, so it does the least that is honest: a client library costs several times
as much a request. It reads what our servers send, answers with a Content-Length, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

OnAnswer: TypeAlias = Callable[["Connection", int, bytes], None]
"""(connection, status, body)."""

OnFailure: TypeAlias = Callable[[Exception], None]


class BrokenAnswer(Exception):
    """The server sent what no answer of it may be, or closed the connection."""


class Connection(asyncio.Protocol):
    """Sends one request at a time; `on_answer` hears of each answer, `on_failure` of the end."""

    def __init__(self, on_answer: OnAnswer, on_failure: OnFailure) -> None:
        self._on_answer = on_answer
        self._on_failure = on_failure
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is not None:
            self._transport = None
            self._on_failure(error or BrokenAnswer("the server closed the connection"))

    def send(self, request: bytes, at: float) -> None:
        """Send a whole request; `at` is when its clock began to run (monotonic seconds)."""
        if self._transport is None:
            raise BrokenAnswer("the connection is closed")
        self.sent_at = at
        self._transport.write(request)

    def close(self) -> None:
        """Hang up; `on_failure` does not hear of it."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        head_end = received.find(b"\r\n\r\n")
        if head_end < 0:
            self._received = received
            return
        body_at = head_end + 4
        try:
            end = body_at + _content_length(received[:head_end])
        except ValueError:
            self._on_failure(BrokenAnswer(f"an answer without a length: {received[:200]!r}"))
            return
        if len(received) < end:
            self._received = received
            return
        self._received = b""
        self._on_answer(self, int(received[9:12]), received[body_at:end])


def post(host: str, path: str, body: bytes) -> bytes:
    """A whole POST request."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def get(host: str, path: str) -> bytes:
    """A whole GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def _content_length(head: bytes) -> int:
    at = head.lower().index(b"\r\ncontent-length:") + 17
    end = head.find(b"\r\n", at)
    return int(head[at : end if end > 0 else len(head)])
