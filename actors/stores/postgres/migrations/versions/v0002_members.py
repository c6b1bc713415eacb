"""Which processes host shards, and which of them live."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of members, and a view of those who live."""
    # number: of the advisory lock that its process holds as long as it is connected. kinds: of actors that it hosts.
    op.create_table(
        "member",
        sa.Column("id", sa.Text(collation="C"), primary_key=True),
        sa.Column("number", sa.Integer, sa.Identity(always=True, cycle=True), nullable=False),
        sa.Column("kinds", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        postgresql_with={"fillfactor": 20},
    )
    # A lock that is gone is a process that is gone: its connection has ended. But a server that has been restarted
    # since the last renewal has ended the connections of all, and says nothing about who lives.
    op.execute(
        "CREATE VIEW living_member AS SELECT id, kinds FROM member WHERE expires_at > clock_timestamp() AND "
        "(renewed_at < pg_postmaster_start_time() OR EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND classid = 1398230352 AND objid = member.number::bigint::oid AND objsubid = 2 AND granted))"
    )
