"""A door in a TCP connection: open it forwards bytes, shut it cuts every connection and refuses new ones.

Held, it keeps what comes, and forwards it once it is let go.
"""

from __future__ import annotations

import contextlib
import socket
import threading


class TcpGate:
    """Forwards a loopback port to another server. Threads, so that it works whatever loop the test runs."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._flows = threading.Event()
        self._flows.set()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def open(self) -> None:
        """Listen, always on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Refuse new connections and cut those that exist."""
        self._flows.set()
        if self._listener is not None:
            _cut(self._listener)
            self._listener = None
        with self._lock:
            connections, self._connections = self._connections, set()
        for connection in connections:
            _cut(connection)

    def hold(self) -> None:
        """Forward nothing for now, either way."""
        self._flows.clear()

    def let_go(self) -> None:
        """Forward what was kept, and what comes."""
        self._flows.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                inside, _ = listener.accept()
            except OSError:
                return
            try:
                outside = socket.create_connection(self._target, timeout=10)
            except OSError:
                _cut(inside)
                continue
            outside.settimeout(None)
            with self._lock:
                self._connections |= {inside, outside}
            for source, sink in ((inside, outside), (outside, inside)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                sink.sendall(data)
        with self._lock:
            self._connections -= {source, sink}
        _cut(source)
        _cut(sink)


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
