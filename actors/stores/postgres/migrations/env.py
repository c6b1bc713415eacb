"""What Alembic runs to migrate: on the connection that `schema.migrate` gives it."""

from __future__ import annotations

from alembic import context

from actors.stores.postgres.schema import VERSION_TABLE
from actors.stores.postgres.sessions import SCHEMA

context.configure(
    connection=context.config.attributes["connection"], version_table=VERSION_TABLE, version_table_schema=SCHEMA
)
with context.begin_transaction():
    context.run_migrations()
