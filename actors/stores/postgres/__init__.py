"""The store port on PostgreSQL: one database, many processes, one round trip a commit."""

from actors.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
