"""The whole schema."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0001"
down_revision = None

DOUBLE = sa.Double
ID = sa.Text(collation="C")  # compared by bytes: faster, and no index breaks with a new version of the system's locales
IN_ORDER = sa.Identity(always=True, cache=1)


def upgrade() -> None:
    """Make everything that commits write and queries read."""
    make_shards()
    make_messages()
    make_tasks()
    make_snapshots()
    make_activity()
    for script in ("v0001_types.sql", "v0001_commit_turn.sql"):
        for statement in re.split(r"\n(?=CREATE )", Path(__file__).with_name(script).read_text()):
            op.execute(statement)


def make_shards() -> None:
    """Who may write what, and what was written."""
    # The random name of this store, by which messages of actors that live in another are told apart.
    op.create_table("store", sa.Column("id", sa.Text, nullable=False), sa.Column("one", sa.Boolean, primary_key=True))
    op.create_check_constraint("there_is_one", "store", "one")
    # Only the newest epoch counts. seq is that of the shard's last journal entry. A lease that ends has expires_at.
    op.create_table(
        "shard",
        sa.Column("id", ID, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        postgresql_with={"fillfactor": 20},  # every commit changes some of these few rows, in place
    )
    # What one transaction (`turn`) added to one shard: entries first..last as MessagePack (stores/batches.py).
    op.execute("CREATE SEQUENCE turn AS bigint")
    op.create_table(
        "journal",
        sa.Column("shard", ID, primary_key=True),
        sa.Column("last", sa.BigInteger, primary_key=True),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.LargeBinary, nullable=False),
    )
    op.create_index("journal_by_turn", "journal", ["turn"])
    # Which tasks a turn is about, as hashes. It is scanned, which costs writers nothing; an index on random ids would.
    op.create_table(
        "mention",
        sa.Column("turn", sa.BigInteger, primary_key=True),
        sa.Column("tasks", pg.ARRAY(sa.Integer), nullable=False),
    )
    keep_as_it_is("journal", "entries")


def make_messages() -> None:
    """What has had its effect, and what has not left yet."""
    op.create_table(
        "inbox",
        sa.Column("id", ID, primary_key=True),
        sa.Column("at", DOUBLE, nullable=False),
    )
    op.create_index("inbox_by_age", "inbox", ["at"], postgresql_using="brin")
    op.create_table(
        "outbox",
        sa.Column("pos", sa.BigInteger, IN_ORDER, primary_key=True),
        sa.Column("id", ID, nullable=False, unique=True),
        sa.Column("shard", ID, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        # Rows live for milliseconds: what they leave is swept by their number, however few are there.
        postgresql_with={"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 5000},
    )
    keep_as_it_is("outbox", "body")


def make_tasks() -> None:
    """The tasks as queries see them (actors.store.TaskRow), and their bodies."""
    texts = {name: sa.Column(name, ID, nullable=False) for name in ("task_id", "agent_id", "model_name", "remote_id")}
    op.create_table(
        "task",
        sa.Column("pos", sa.BigInteger, IN_ORDER, primary_key=True),
        texts["task_id"],
        texts["agent_id"],
        texts["model_name"],
        sa.Column("priority", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("scope", "origin", "digest", "state")),
        sa.Column("submitted_at", DOUBLE, nullable=False),
        sa.Column("scheduled_ti", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        texts["remote_id"],
        *(sa.Column(name, DOUBLE) for name in ("dispatched_at", "started_at", "ended_at", "execution_ms")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("error", "error_code")),
        sa.Column("updated_at", DOUBLE, nullable=False),
        # No index on state, and room in each page: a change of state touches no index.
        postgresql_with={"fillfactor": 75},
    )
    op.create_index("task_by_id", "task", ["task_id"], unique=True)
    op.create_index("task_by_remote_id", "task", ["remote_id"], postgresql_where=sa.text("remote_id <> ''"))
    op.create_index("task_by_agent", "task", ["agent_id", "pos"])
    op.create_table(
        "payload",
        sa.Column("task_id", ID, primary_key=True),
        sa.Column("part", ID, primary_key=True),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("metadata", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def make_snapshots() -> None:
    """The newest complete snapshot of each shard, and the pieces that snapshots are written in."""
    op.execute("CREATE SEQUENCE save AS bigint")
    op.create_table(
        "snapshot",
        sa.Column("shard", ID, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("save", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "snapshot_piece",
        sa.Column("pos", sa.BigInteger, IN_ORDER, primary_key=True),
        sa.Column("shard", ID, nullable=False),
        sa.Column("save", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("snapshot_piece_by_shard", "snapshot_piece", ["shard", "save"])
    keep_as_it_is("snapshot_piece", "body")


def make_activity() -> None:
    """The entries of all activity buffers (actors.activity_reader.ActivityRow), by the number of their last change.

    status is live, ended, or purged: such rows stay until the history's end passes them by, for followers.
    """
    op.create_table(
        "activity",
        sa.Column("change", sa.BigInteger, primary_key=True),
        sa.Column("task_id", ID, nullable=False, unique=True),
        sa.Column("agent_id", ID, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("repo_id", "worktree_id", "branch", "description")),
        sa.Column("progress", DOUBLE),
        sa.Column("timestamp", DOUBLE, nullable=False),
        sa.Column("status", ID, nullable=False),
    )
    op.create_index("activity_by_status", "activity", ["status", "change"])
    # The newest change, the newest among the rows that were dropped, and how many rows are not live. Whoever changes
    # entries locks it until the end of the transaction, so that changes are committed in the order of their numbers.
    op.create_table(
        "activity_count",
        sa.Column("newest", sa.BigInteger, nullable=False),
        sa.Column("forgotten", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger, nullable=False),
        postgresql_with={"fillfactor": 20},
    )
    op.execute("INSERT INTO activity_count VALUES (0, 0, 0)")


def keep_as_it_is(table: str, column: str) -> None:
    """Long values are not compressed: that would cost more of the commit than the bytes saved."""
    op.execute(f"ALTER TABLE {table} ALTER {column} SET STORAGE EXTERNAL")
