"""The connections that pushes go over, against servers that speak raw bytes: every legal way to end an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from actors.couriers.kept_connections import KeptConnections, NotSent
from tests.free_ports import free_port

REQUEST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class RawServer:
    """Answers each request with the next of `replies`; None closes the connection."""

    def __init__(self, *replies: bytes | None) -> None:
        self.connections = 0
        self._replies = list(replies)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        while self._replies and await _request_came(reader):
            reply = self._replies.pop(0)
            if reply is not None:
                writer.write(reply)
                await writer.drain()
            if reply is None or (self._replies and self._replies[0] is None):
                self._replies[:1] = []
                break
        writer.close()


async def _request_came(reader: asyncio.StreamReader) -> bool:
    try:
        await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    return True


@asynccontextmanager
async def connected(server: RawServer, timeout_s: float = 5.0) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """A function that sends the request once."""
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    connections = KeptConnections(timeout_s, timeout_s, most_answer_bytes=100)
    try:
        yield lambda: connections.send("127.0.0.1", port, REQUEST)
    finally:
        connections.close()
        listening.close()


def answers(server: RawServer, count: int) -> list[object]:
    async def scene() -> list[object]:
        async with connected(server) as send:
            return [await send() for _ in range(count)]

    return asyncio.run(scene())


def test_a_connection_is_used_again() -> None:
    server = RawServer(OK, OK, OK)
    assert answers(server, 3) == [(200, b"ok")] * 3
    assert server.connections == 1


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", (200, b"ok")),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, (200, b"ok")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
    ],
)
def test_an_answer_that_says_where_it_ends_keeps_the_connection(reply: bytes, answer: object) -> None:
    server = RawServer(reply, OK)
    assert answers(server, 2) == [answer, (200, b"ok")]
    assert server.connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nok",
    ],
)
def test_an_answer_that_ends_with_its_connection(reply: bytes) -> None:
    server = RawServer(reply, None, OK)
    assert answers(server, 2) == [(200, b"ok")] * 2
    assert server.connections == 2


def test_of_a_long_answer_only_the_beginning_is_waited_for() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 200
    [answer] = answers(RawServer(endless), 1)
    assert answer == (200, b"x" * 200)


@pytest.mark.parametrize("more", [OK, b"HTTP/1.1 200 OK\r\nContent-"])
def test_an_answer_that_nobody_asked_for_ends_the_connection(more: bytes) -> None:
    server = RawServer(OK + more, OK)
    assert answers(server, 2) == [(200, b"ok")] * 2
    assert server.connections == 2


def test_a_connection_lost_in_the_middle_is_no_answer() -> None:
    with pytest.raises(ConnectionError):
        answers(RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", None), 1)


def test_a_silent_server_costs_the_timeout_and_the_connection() -> None:
    async def scene() -> None:
        server = RawServer(b"", OK)
        async with connected(server, timeout_s=0.1) as send:
            with pytest.raises(TimeoutError):
                await send()
            assert await send() == (200, b"ok")
        assert server.connections == 2

    asyncio.run(scene())


def test_where_nobody_listens_nothing_was_sent() -> None:
    with pytest.raises(NotSent):
        asyncio.run(KeptConnections(1.0, 1.0, 100).send("127.0.0.1", free_port(), REQUEST))


def test_a_connection_that_the_other_side_closes_while_it_rests_is_forgotten() -> None:
    async def scene() -> None:
        writers: list[asyncio.StreamWriter] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            while await _request_came(reader):
                writer.write(OK)

        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        connections = KeptConnections(5.0, 5.0, most_answer_bytes=100)
        port = listening.sockets[0].getsockname()[1]
        await asyncio.gather(*(connections.send("127.0.0.1", port, REQUEST) for _ in range(3)))
        assert connections.idle == 3
        writers[1].close()
        await _until(lambda: connections.idle == 2)
        assert await connections.send("127.0.0.1", port, REQUEST) == (200, b"ok")
        assert len(writers) == 3
        for writer in writers:
            writer.close()
        await _until(lambda: connections.idle == 0)
        listening.close()

    asyncio.run(scene())


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - nothing is told of the loss
            await asyncio.sleep(0.01)
