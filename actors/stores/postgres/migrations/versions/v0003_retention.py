"""Under which epoch a batch was written; what retention has dropped; messages that could have no effect."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BEFORE = """INSERT INTO journal (shard, last, first, turn, entries)
        SELECT new.shard, new.last, new.first, this_turn, new.entries FROM"""
AFTER = """INSERT INTO journal (shard, last, first, turn, entries, epoch)
        SELECT new.shard, new.last, new.first, this_turn, new.entries, new.epoch FROM"""


def upgrade() -> None:
    """Batches from before have epoch 0."""
    op.add_column("journal", sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"))
    definition = str(op.get_bind().exec_driver_sql("SELECT pg_get_functiondef('commit_turn'::regproc)").scalar_one())
    if BEFORE not in definition:
        raise RuntimeError("commit_turn is not what the first migration made")
    op.get_bind().exec_driver_sql(definition.replace(BEFORE, AFTER).replace("%", "%%"))
    # Tasks that ended up to then may have been dropped; no row where none ever was.
    op.create_table("trimmed", sa.Column("until", sa.Double, nullable=False))
    # failures is [[at, reason], ...], failed_at the last of them (Unix seconds).
    names = ("id", "kind", "receiver", "name", "task_id")
    op.create_table(
        "dead_letter",
        *(sa.Column(name, sa.Text(collation="C"), nullable=False, primary_key=name == "id") for name in names),
        sa.Column("failed_at", sa.Double, nullable=False),
        sa.Column("failures", sa.dialects.postgresql.JSONB, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("dead_letter_by_time", "dead_letter", ["failed_at", "id"])
