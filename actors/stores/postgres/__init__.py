"""The store port on PostgreSQL: one database, many processes."""

from actors.stores.postgres.record import PostgresRecord
from actors.stores.postgres.store import PostgresStore

__all__ = ["PostgresRecord", "PostgresStore"]
