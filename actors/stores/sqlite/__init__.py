"""The store port on SQLite: one file, one process, one writer thread."""

from actors.stores.sqlite.record import SqliteRecord
from actors.stores.sqlite.store import SqliteStore

__all__ = ["SqliteRecord", "SqliteStore"]
