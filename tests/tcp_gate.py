"""A door in a TCP connection: open it forwards bytes, shut it cuts every connection and refuses new ones.

It also plays a bad network: late, slow, silent, broken off between two bytes. All can be changed while bytes flow,
from any thread.
"""

from __future__ import annotations

import contextlib
import queue
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass

CHUNK = 65_536
HELD = 64
"""Chunks on the way at most; beyond that, whoever sends has to wait, as behind a full window."""


@dataclass(frozen=True, slots=True)
class Line:
    """How long a chunk takes (s), how much that varies (s, either way), and how many bytes a second pass (0: any)."""

    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float = 0.0

    def delay(self) -> float:
        """How long the next chunk is under way."""
        return max(0.0, self.latency_s + random.uniform(-self.jitter_s, self.jitter_s))


class TcpGate:
    """Forwards a loopback port to another server. Threads, so that it works whatever loop the test runs."""

    def __init__(self, host: str, port: int) -> None:
        self.line = Line()
        self._target = (host, port)
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._cutting: set[socket.socket] = set()
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def open(self) -> None:
        """Listen, always on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Refuse new connections and cut those that exist."""
        if self._listener is not None:
            _cut(self._listener)
            self._listener = None
        for connection in self._take_connections():
            _cut(connection)

    def reset(self) -> None:
        """Break every connection off with RST, as a peer does that has forgotten it; new ones may be made."""
        for connection in self._take_connections():
            _reset(connection)

    def cut_in_frame(self) -> None:
        """Break every connection off in the middle of the next chunk that passes over it."""
        with self._lock:
            self._cutting = set(self._connections)

    def hold(self) -> None:
        """Nothing passes any more, and nobody is told: connections stay open, new ones are taken and hear nothing."""
        self._flowing.clear()

    def let_go(self) -> None:
        """What was held passes, and what comes."""
        self._flowing.set()

    def _take_connections(self) -> set[socket.socket]:
        with self._lock:
            connections, self._connections = self._connections, set()
        return connections

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                inside, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(inside,), daemon=True).start()

    def _connect(self, inside: socket.socket) -> None:
        self._flowing.wait()
        try:
            outside = socket.create_connection(self._target, timeout=10)
        except OSError:
            _cut(inside)
            return
        outside.settimeout(None)
        for end in (inside, outside):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._connections |= {inside, outside}
        if self._listener is None:
            self.shut()
        for source, sink in ((inside, outside), (outside, inside)):
            under_way: queue.Queue[tuple[float, bytes]] = queue.Queue(HELD)
            threading.Thread(target=self._read, args=(source, under_way), daemon=True).start()
            threading.Thread(target=self._write, args=(source, sink, under_way), daemon=True).start()

    def _read(self, source: socket.socket, under_way: queue.Queue[tuple[float, bytes]]) -> None:
        data = b""
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                under_way.put((time.monotonic() + self.line.delay(), data))
        under_way.put((0.0, b""))

    def _write(self, source: socket.socket, sink: socket.socket, under_way: queue.Queue[tuple[float, bytes]]) -> None:
        while True:
            due, data = under_way.get()
            if not data:
                break
            _sleep_until(due)
            self._flowing.wait()
            if source in self._cutting or sink in self._cutting:
                self._break_off(source, sink, data)
                break
            if self.line.bytes_per_s:
                time.sleep(len(data) / self.line.bytes_per_s)
            try:
                sink.sendall(data)
            except OSError:
                break
        with self._lock:
            self._connections -= {source, sink}
            self._cutting -= {source, sink}
        _cut(source)
        _cut(sink)
        while data:  # who reads may wait for room
            _, data = under_way.get()

    def _break_off(self, source: socket.socket, sink: socket.socket, data: bytes) -> None:
        with contextlib.suppress(OSError):
            sink.sendall(data[: len(data) // 2])
        _reset(source)
        _cut(sink)  # what has been sent arrives before the end does


def _sleep_until(due: float) -> None:
    pause = due - time.monotonic()
    if pause > 0.0:
        time.sleep(pause)


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)  # wakes whoever reads, and tells the peer nothing
    connection.close()
