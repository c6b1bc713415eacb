"""The synchronous client's connections: what becomes of a request where the scheduler stops answering."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from swarmpilot import AsyncClient, Client
from swarmpilot.errors import SchedulerUnreachable
from tests.embedded import embedded, instance

HEALTHY = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"status":"healthy"}'


@pytest.fixture
def silent_after_one_answer() -> Iterator[str]:
    """The address of a server that answers the first request of each connection, and hears the others in silence."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(HEALTHY)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield "http://{}:{}".format(*listening.getsockname())
        thread.join(10)
        assert not thread.is_alive(), "the client has kept a connection that is of no use"


REMOVED = b'{"status":"success","message":"removed","host":"h","port":1,"ti_uuid":"u"}'


@pytest.fixture
def gone_after_one_answer() -> Iterator[str]:
    """The address of a server that closes each connection after one answer, as if it had been idle for too long."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for answer in (HEALTHY, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(REMOVED), REMOVED)):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield "http://{}:{}".format(*listening.getsockname())


def test_what_may_be_sent_only_once_is_not_lost_to_a_connection_that_was_idle_for_too_long(
    gone_after_one_answer: str,
) -> None:
    with Client(gone_after_one_answer, timeout_s=10.0) as client:
        assert client.health().status == "healthy"
        assert client.remove("h", 1) == "u"


class _SaysWhoAsks(BaseHTTPRequestHandler):
    """Answers with the port of the client: the same as long as the connection is."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"status": "healthy", "version": str(self.client_address[1])}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def says_who_asks() -> Iterator[str]:
    """The address of a server that tells connections apart."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _SaysWhoAsks) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_process_that_was_forked_connects_by_itself(says_who_asks: str) -> None:
    with Client(says_who_asks, timeout_s=10.0) as client:
        mine = client.health().version
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                os._exit(int(client.health().version == mine))  # the answers to two who ask would be mixed up
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.health().version == mine


def test_an_async_client_may_be_used_by_one_event_loop_after_the_other(says_who_asks: str) -> None:
    client = AsyncClient(says_who_asks, timeout_s=10.0)

    async def asked(*, closes: bool) -> str:
        version = (await client.health()).version
        if closes:
            await client.close()
        return version

    assert len({asyncio.run(asked(closes=closes)) for closes in (False, True, True)}) == 3


@pytest.mark.parametrize(
    "wrong", [{"timeout_s": 0.0}, {"timeout_s": -1.0}, {"timeout_s": math.nan}, {"retry_for_s": -1.0}]
)
def test_times_that_cannot_be_are_told_at_once(wrong: dict[str, float]) -> None:
    for client in (Client, AsyncClient):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be a number"):
            client(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="connections must be at least 1, got 0"):
        AsyncClient(connections=0)


def test_a_client_may_wait_for_ever(says_who_asks: str) -> None:
    async def run() -> None:
        async with AsyncClient(says_who_asks, timeout_s=math.inf) as client:
            assert (await client.health()).status == "healthy"

    with Client(says_who_asks, timeout_s=math.inf) as client:
        assert client.health().status == "healthy"
    asyncio.run(run())


@pytest.mark.parametrize("url", ["ftp://here", "http://", "http://here:99999", "here:port"])
def test_what_is_no_address_of_a_scheduler_is_told_at_once(url: str) -> None:
    for client in (Client, AsyncClient):
        with pytest.raises(ValueError, match="expected an address like http"):
            client(url)


@pytest.mark.parametrize("name", [".", "..", "a/../b", "%2e", "ü ?#"])
def test_agents_and_tasks_may_have_any_name(name: str) -> None:
    async def run() -> None:
        async with embedded() as service, instance(service, "m"), AsyncClient(service.url) as client:
            await client.submit("m", {}, metadata={"agent_id": name}, task_id=name)
            assert (await client.agent(name)).agent_id == name
            assert await client.preempt(name)
            with Client(service.url) as other:
                assert (await asyncio.to_thread(other.agent, name)).agent_id == name

    asyncio.run(run())


def test_a_scheduler_that_hangs_is_unreachable_over_a_kept_connection_too(silent_after_one_answer: str) -> None:
    with Client(silent_after_one_answer, timeout_s=0.2) as client:
        assert client.health().status == "healthy"
        with pytest.raises(SchedulerUnreachable, match="timed out"):
            client.health()
