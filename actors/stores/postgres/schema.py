"""The schema of a store in PostgreSQL, and how a database comes to have it: once, however many processes start.

All of it lies in the PostgreSQL schema `swarmpilot`, so that a database may hold other things beside it. Alembic is
loaded only where there is something to do: a restart that finds the schema as it should be takes 1 ms for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg

from actors.errors import StoreUnfit
from actors.stores.postgres.sessions import SCHEMA, set_up

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSION_TABLE: Final = "schema_version"

MIGRATIONS: Final = Path(__file__).parent / "migrations"
KNOWN_VERSION: Final = max(int(path.name[1:5]) for path in (MIGRATIONS / "versions").glob("v*.py"))

_LOCK: Final = 0x53574D50  # "SWMP": of all advisory locks of the database, ours


async def bring_up_to_date(connection: asyncpg.Connection, url: str) -> None:
    """Make or change the schema where it is older than this program.

    Raises StoreUnfit where it is newer, and whatever the database complains of.
    """
    version = await stored_version(connection)
    if version > KNOWN_VERSION:
        raise StoreUnfit(
            f"the database has schema version {version} and this program knows {KNOWN_VERSION}: it was migrated by a "
            "newer version; use that one, or another database"
        )
    if version < KNOWN_VERSION:
        await migrate(url)


async def stored_version(connection: asyncpg.Connection) -> int:
    """The version of the schema that is there; 0 where there is none."""
    if await connection.fetchval("SELECT to_regclass($1)", f"{SCHEMA}.{VERSION_TABLE}") is None:
        return 0
    version = await connection.fetchval(f"SELECT version_num FROM {SCHEMA}.{VERSION_TABLE}")
    return int(version or 0)


async def migrate(url: str) -> None:
    """Run every migration that the database has not had yet, in one transaction; others wait meanwhile.

    Raises what the database complains of.
    """
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    async def connect() -> asyncpg.Connection:
        connection = await asyncpg.connect(url)
        await set_up(connection)
        return connection

    # As everywhere else the driver reads the URL: SQLAlchemy knows less of what may stand in one (sslmode and others).
    engine = create_async_engine("postgresql+asyncpg://", poolclass=NullPool, async_creator=connect)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
    except DBAPIError as error:
        if error.orig is not None and isinstance(error.orig.__cause__, asyncpg.PostgresError):
            raise error.orig.__cause__ from error
        raise
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
