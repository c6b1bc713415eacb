"""Empties the write-ahead log into the database file beside the commits, so that no commit waits for it.

SQLite's own checkpoint runs inside whichever commit crosses the threshold: 30-90 ms for that one, measured.
A log that never comes to an end under steady load is ended by the writer, which then has little left to move.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from actors.stores.sqlite import connection as connections

EVERY_BYTES = 4 << 20
"""Bodies written between checkpoints."""

LOG_BYTES = 48 << 20
"""Beyond this the writer ends the log; it may grow to about twice of it for a moment."""


class Checkpoints:
    """Called by the writer thread after each commit. `finish` has the writer end the log, between two commits."""

    def __init__(self, path: Path, durability: connections.Durability, finish: Callable[[], None]) -> None:
        self._connection = connections.checkpointer(path, durability)
        self._thread = ThreadPoolExecutor(1, "store-checkpoint")
        self._finish = finish
        self._written = 0
        self._running: Future[None] | None = None

    def wrote(self, size: int) -> None:
        """So many bytes of bodies are in the log now."""
        self._written += size + 4 * connections.PAGE_BYTES
        if self._written >= EVERY_BYTES and (self._running is None or self._running.done()):
            self._written = 0
            self._running = self._thread.submit(self._run)

    def close(self) -> None:
        """Wait for the one that is running."""
        self._thread.shutdown()
        self._connection.close()

    def _run(self) -> None:
        if checkpoint(self._connection) > LOG_BYTES:
            self._finish()


def checkpoint(connection: sqlite3.Connection) -> int:
    """Move what no reader needs any more; returns the length of the log in bytes.

    A checkpoint that fails loses nothing: the log stays, and the commits report what is wrong with the disk.
    """
    try:
        _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.OperationalError:
        return 0
    return int(pages) * connections.PAGE_BYTES
