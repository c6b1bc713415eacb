"""The connection that reports go over, against servers that answer, hang up, stay silent or speak nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from swarmpilot.instance.post import PostConnection
from swarmpilot.instance.reporter import Reporter

Answers = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """A server on loopback; `requests` holds what each connection was sent, a list per connection."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[list[bytes]] = []


@asynccontextmanager
async def listening(*answers: bytes | None) -> AsyncIterator[Listener]:
    """Gives these answers to the requests in turn, the last for ever; None hangs up instead, b"" says nothing."""
    listener, left = Listener(), list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.requests.append([])
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                listener.requests[-1].append(head + await reader.readexactly(length))
                answer = left.pop(0) if len(left) > 1 else left[0]
                if answer is None:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener


Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a scenario, on either event loop: an instance is run on uvloop, a program of its user's on any."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run_scenario(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(scenario(), 60.0))

    return run_scenario


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwait\r\n3\r\n up\r\n0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"


async def post_to(listener: Listener, *bodies: bytes, timeout_s: float = 30.0) -> list[tuple[int, bytes]]:
    """Post these one after the other over one PostConnection."""
    connection = PostConnection(f"http://127.0.0.1:{listener.port}/notify", timeout_s)
    try:
        return [await connection.post(body) for body in bodies]
    finally:
        connection.close()


def test_requests_share_a_connection_and_answers_are_whole(run: Run) -> None:
    async def scenario() -> None:
        async with listening(OK, CHUNKED, OK) as listener:
            assert await post_to(listener, b"one", b"two", b"") == [(200, b"{}"), (503, b"wait up"), (200, b"{}")]
            [requests] = listener.requests
            assert requests[0] == (
                b"POST /notify HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                b"Content-Length: 3\r\n\r\none" % listener.port
            )

    run(scenario)


def test_a_server_that_closes_after_its_answer_gets_a_new_connection(run: Run) -> None:
    async def scenario() -> None:
        async with listening(LAST) as listener:
            assert await post_to(listener, b"1", b"2") == [(200, b"{}")] * 2
            assert [len(requests) for requests in listener.requests] == [1, 1]

    run(scenario)


@pytest.mark.parametrize(
    ("answer", "failure", "said", "timeout_s"),
    [
        (None, ConnectionError, "closed", 30.0),
        (b"220 mail ready\r\n", ConnectionError, "does not speak HTTP", 30.0),
        (b"", TimeoutError, "", 0.05),
    ],
)
def test_no_answer_is_an_error_and_the_next_request_has_a_connection_of_its_own(
    run: Run, answer: bytes | None, failure: type[OSError], said: str, timeout_s: float
) -> None:
    async def scenario() -> None:
        async with listening(answer, OK) as listener:
            connection = PostConnection(f"http://127.0.0.1:{listener.port}/notify", timeout_s)
            with pytest.raises(failure) as caught:
                await connection.post(b"first")
            assert said in str(caught.value)
            # Only now may it be as patient as it likes.
            connection.timeout_s = 30.0
            assert await connection.post(b"second") == (200, b"{}")
            assert len(listener.requests) == 2
            connection.close()

    run(scenario)


def test_a_port_where_nobody_listens_is_refused(run: Run) -> None:
    async def scenario() -> None:
        async with listening(OK) as listener:
            pass
        with pytest.raises(ConnectionRefusedError):
            await post_to(listener, b"x")

    run(scenario)


def test_what_nobody_foresaw_is_tried_again_like_any_failure(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        # A name that cannot even be looked up meets the connection with neither an OSError nor a time-out.
        reporter = Reporter("http://" + "a" * 70, lambda: None)
        reporter.report("t:1", b"{}")
        while caplog.text.count("nobody foresaw") < 2:
            await asyncio.wait({asyncio.create_task(asyncio.sleep(0.01))})
        assert reporter.pending == 1
        await reporter.close()

    run(scenario)
