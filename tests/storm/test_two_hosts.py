"""Two hosts on one machine reach each other by their wire and by nothing else, and leave no trace."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor, TimeoutError

import pytest

from tests.storm.hosts import Host, two_hosts, why_not
from tests.storm.wire import Quality

PORT = 5000


def network() -> str:
    """That of the calling thread."""
    return os.readlink("/proc/thread-self/ns/net")


def echo(host: Host, is_ready: threading.Event) -> None:
    """Say back what one client says, on that host."""
    host.enter()
    with socket.create_server((host.address, PORT)) as server:
        is_ready.set()
        with server.accept()[0] as client:
            while said := client.recv(1_000):
                client.sendall(said)


def test_what_is_sent_from_one_host_to_the_other_takes_the_wire() -> None:
    before = network()
    if why_not():  # then the storm says so, and does without
        with pytest.raises(RuntimeError, match="two hosts need"), two_hosts():
            pass
        assert network() == before
        return
    with two_hosts() as (_, second, wire), ThreadPoolExecutor() as pool:
        assert network() != before
        is_ready = threading.Event()
        echoing = pool.submit(echo, second, is_ready)
        assert is_ready.wait(30)
        with socket.create_connection((second.address, PORT), timeout=30) as client:

            def say(text: bytes) -> bytes:
                client.sendall(text)
                return client.recv(1_000)

            assert say(b"hello") == b"hello"
            assert wire.carried > 0

            wire.quality = Quality(lost=1.0, lost_back=1.0)
            said = pool.submit(say, b"nobody hears this")
            with pytest.raises(TimeoutError):
                said.result(0.5)
            wire.quality = Quality(lost=0.2, lost_back=0.2, latency_s=0.01, jitter_s=0.01)
            assert said.result(30) == b"nobody hears this"

            second.turn_link("down")
            said = pool.submit(say, b"nor this")
            with pytest.raises(TimeoutError):
                said.result(0.5)
            second.turn_link("up")
            assert said.result(30) == b"nor this"
        echoing.result(30)
    assert network() == before
