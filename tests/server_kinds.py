"""A server for the tests, the benchmark and whoever wants to try one, always: found, started or installed.

The one that an environment variable names, if it is set; else a container where a Docker engine answers; else a private
server on a free loopback port, installed with apt where we may; else an error that says what to install.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from tests.debian_packages import InstallationNeeded
from tests.free_ports import free_port
from tests.tcp_gate import TcpGate


class Server(Protocol):
    """One that a test may stop and start again: same URL, same data."""

    @property
    def url(self) -> str:
        """Where it listens, with the account to use."""

    def start(self) -> None:
        """Start, or start again on the same data; returns once it answers."""

    def stop(self) -> None:
        """Stop in good order, keeping the data."""

    def kill(self) -> None:
        """Stop as kill -9 would, keeping the data."""

    def close(self) -> None:
        """Stop and remove everything that was made for it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`variable` names a server that is there, in the `form` for people; `wait` is told its URL (TimeoutError).

    In the container of `image` it listens on `port`; `account` and `path` stand around host and port in its URLs.
    """

    variable: str
    scheme: str
    form: str
    port: int
    account: str
    path: str
    image: str
    wait: Callable[[str], None]
    private: Callable[[], Server]
    environment: Mapping[str, str] = field(default_factory=dict)


class GivenServer:
    """The server of `kind.variable`. It is not ours to stop, so an outage cuts every connection on the way to it."""

    def __init__(self, kind: Kind, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != kind.scheme or not parts.hostname:
            raise ValueError(f"{kind.variable}: must be {kind.form}, got {parts.scheme}://…")
        self._wait = kind.wait
        self._gate = TcpGate(parts.hostname, parts.port or kind.port)
        account = parts.netloc.rpartition("@")[0] or kind.account
        self._url = parts._replace(netloc=f"{account}@127.0.0.1:{self._gate.port}").geturl()

    @property
    def url(self) -> str:
        return self._url

    def start(self) -> None:
        self._gate.open()
        self._wait(self._url)

    def stop(self) -> None:
        self._gate.shut()

    def kill(self) -> None:
        self._gate.shut()

    def close(self) -> None:
        self._gate.shut()


class ContainerServer:
    """The server in a container, on a host port that stays the same when it is stopped and started."""

    def __init__(self, kind: Kind) -> None:
        from testcontainers.core.container import DockerContainer

        port = free_port()
        self._wait = kind.wait
        self._url = f"{kind.scheme}://{kind.account}@127.0.0.1:{port}{kind.path}"
        self._container = DockerContainer(kind.image).with_bind_ports(kind.port, port)
        for name, value in kind.environment.items():
            self._container = self._container.with_env(name, value)
        self._created = False

    @property
    def url(self) -> str:
        return self._url

    def start(self) -> None:
        if self._created:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._created = True
        self._wait(self._url)

    def stop(self) -> None:
        self._container.get_wrapped_container().stop(timeout=30)

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def close(self) -> None:
        if self._created:
            self._container.stop()


def obtain_server(kind: Kind) -> Server:
    """The first that can be had here, started. Raises InstallationNeeded, with what to do."""
    if url := os.environ.get(kind.variable):
        return _started(GivenServer(kind, url))
    trouble = ""
    if _docker_answers():
        try:
            return _started(ContainerServer(kind))
        except Exception as error:  # no image, no network: a private server may still be had
            trouble = f"Docker answers, but {kind.image} could not be started ({error}). "
    try:
        return _started(kind.private())
    except InstallationNeeded as error:
        raise InstallationNeeded(trouble + str(error)) from None


def run_server(kind: Kind) -> None:
    """Run one in the foreground until SIGINT or SIGTERM; its URL is printed."""
    stopped = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stopped.set())
    server = obtain_server(kind)
    try:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        stopped.wait()
    finally:
        server.close()


def _started(server: Server) -> Server:
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def _docker_answers() -> bool:
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
