"""A RabbitMQ for the tests: `AMQP_URL` (a broker whose `swarm.*` queues may be emptied), or one of ours.

`python -m tests.rabbit_server` runs one and prints its URL.
"""

from __future__ import annotations

import socket
import time
from typing import TypeAlias
from urllib.parse import urlsplit

from tests.rabbit_private import PrivateRabbit
from tests.server_kinds import Kind, Server, obtain_server, run_server

START_TIMEOUT_S = 90.0

RabbitServer: TypeAlias = Server


def wait_for_amqp(url: str) -> None:
    """Wait until the server at this loopback URL opens an AMQP conversation. Raises TimeoutError."""
    port = urlsplit(url).port or 0
    deadline = time.monotonic() + START_TIMEOUT_S
    while not speaks_amqp(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no AMQP server answered at 127.0.0.1:{port} within {START_TIMEOUT_S:.0f} s")
        time.sleep(0.1)


def speaks_amqp(port: int) -> bool:
    """Whether an AMQP 0-9-1 server answers there (its first frame is a method on channel 0)."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.settimeout(2)
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(3) == b"\x01\x00\x00"
    except OSError:
        return False


RABBIT = Kind(
    variable="AMQP_URL",
    scheme="amqp",
    form="amqp://user:password@host:port/vhost",
    port=5672,
    account="guest:guest",
    path="/",
    image="rabbitmq:4",
    wait=wait_for_amqp,
    private=lambda: PrivateRabbit(wait_for_amqp),
)


def obtain() -> RabbitServer:
    """The first kind of broker that can be had here, started. Raises InstallationNeeded, with what to do."""
    return obtain_server(RABBIT)


if __name__ == "__main__":
    run_server(RABBIT)
