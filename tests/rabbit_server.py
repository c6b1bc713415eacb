"""A RabbitMQ for the tests, the benchmark and whoever wants to try one, always: found, started or installed.

`AMQP_URL` if it is set (a broker whose `swarm.*` queues may be emptied); else a container where a Docker
engine answers; else a private `rabbitmq-server` on free loopback ports, installed with apt where we may; else
an error that says what to install. `python -m tests.rabbit_server` runs one and prints its URL.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from typing import Protocol
from urllib.parse import urlsplit

from tests.debian_packages import InstallationNeeded
from tests.rabbit_private import PrivateRabbit
from tests.tcp_gate import TcpGate

CONTAINER_IMAGE = "rabbitmq:4"
START_TIMEOUT_S = 90.0


class RabbitServer(Protocol):
    """A broker that a test may stop and start again: same URL, same data."""

    @property
    def url(self) -> str:
        """Where it listens: amqp://user:password@host:port/vhost."""

    def start(self) -> None:
        """Start, or start again on the same data; returns once it speaks AMQP."""

    def stop(self) -> None:
        """Stop in good order, keeping the data."""

    def kill(self) -> None:
        """Stop as kill -9 would, keeping the data."""

    def close(self) -> None:
        """Stop and remove everything that was made for it."""


class GivenRabbit:
    """The broker of `AMQP_URL`. It is not ours to stop, so an outage cuts every connection on the way to it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "amqp" or not parts.hostname:
            raise ValueError(f"AMQP_URL: must be amqp://user:password@host:port/vhost, got {parts.scheme}://…")
        self._gate = TcpGate(parts.hostname, parts.port or 5672)
        account = parts.netloc.rpartition("@")[0] or "guest:guest"
        self._url = parts._replace(netloc=f"{account}@127.0.0.1:{self._gate.port}").geturl()

    @property
    def url(self) -> str:
        return self._url

    def start(self) -> None:
        self._gate.open()
        wait_for_amqp(self._gate.port)

    def stop(self) -> None:
        self._gate.shut()

    def kill(self) -> None:
        self._gate.shut()

    def close(self) -> None:
        self._gate.shut()


class ContainerRabbit:
    """RabbitMQ in a container, on a host port that stays the same when it is stopped and started."""

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer

        self._port = free_port()
        self._container = DockerContainer(CONTAINER_IMAGE).with_bind_ports(5672, self._port)
        self._created = False

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self._port}/"

    def start(self) -> None:
        if self._created:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._created = True
        wait_for_amqp(self._port)

    def stop(self) -> None:
        self._container.get_wrapped_container().stop(timeout=30)

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def close(self) -> None:
        if self._created:
            self._container.stop()


def docker_answers() -> bool:
    """Whether a Docker engine is there to run a container."""
    try:
        import docker

        client = docker.from_env(timeout=5)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except Exception:  # whatever the reason, there is no engine for us
        return False


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_amqp(port: int, timeout: float = START_TIMEOUT_S) -> None:
    """Wait until something at this loopback port opens an AMQP conversation. Raises TimeoutError."""
    deadline = time.monotonic() + timeout
    while not speaks_amqp(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no AMQP server answered at 127.0.0.1:{port} within {timeout:.0f} s")
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


def obtain() -> RabbitServer:
    """The first kind of broker that can be had here, started. Raises InstallationNeeded, with what to do."""
    if url := os.environ.get("AMQP_URL"):
        return _started(GivenRabbit(url))
    trouble = ""
    if docker_answers():
        try:
            return _started(ContainerRabbit())
        except Exception as error:  # no image, no network: a private server may still be had
            trouble = f"Docker answers, but {CONTAINER_IMAGE} could not be started ({error}). "
    try:
        return _started(PrivateRabbit(free_port, wait_for_amqp))
    except InstallationNeeded as error:
        raise InstallationNeeded(trouble + str(error)) from None


def _started(server: RabbitServer) -> RabbitServer:
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def main() -> None:
    """Run a broker in the foreground until SIGINT or SIGTERM."""
    stopped = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stopped.set())
    server = obtain()
    try:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        stopped.wait()
    finally:
        server.close()


if __name__ == "__main__":
    main()
