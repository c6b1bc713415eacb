-- Everything that lives in a store file. Changes are new migrations (connection.py), never edits of this file.

-- The random name of this store, by which messages of actors that live in another are told apart.
CREATE TABLE store (
    id TEXT NOT NULL
);
INSERT INTO store (id) VALUES (lower(hex(randomblob(8))));

-- Who may write a shard: only the newest epoch counts. seq is that of its last journal entry.
CREATE TABLE shard (
    id    TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    seq   INTEGER NOT NULL
) WITHOUT ROWID;

-- What one transaction added to one shard, entries first..last as MessagePack (batches.py). One row a batch and
-- not one an entry: a third of the time. pos counts up in the order of writing, over all shards.
CREATE TABLE journal (
    pos     INTEGER PRIMARY KEY,
    shard   TEXT NOT NULL,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    entries BLOB NOT NULL
);
CREATE UNIQUE INDEX journal_by_shard ON journal (shard, last);

-- Which tasks the journal rows first..last (positions) are about: 4 bytes of hash a task, searched by instr().
-- It is scanned, which costs writers nothing; an index on random task ids would double the time of a commit.
CREATE TABLE mention (
    first INTEGER PRIMARY KEY,
    last  INTEGER NOT NULL,
    tasks BLOB NOT NULL
);

-- Messages that have had their effect.
CREATE TABLE inbox (
    pos INTEGER PRIMARY KEY,
    id  TEXT NOT NULL UNIQUE,
    at  REAL NOT NULL
);

-- Effects that have not left yet; a row goes when the broker has confirmed it.
CREATE TABLE outbox (
    pos   INTEGER PRIMARY KEY,
    id    TEXT NOT NULL UNIQUE,
    shard TEXT NOT NULL,
    body  BLOB NOT NULL
);

-- Bodies, in the order of arrival: rows of a kilobyte would not fit into the leaves of an index.
CREATE TABLE payload (
    pos          INTEGER PRIMARY KEY,
    task_id      TEXT NOT NULL,
    part         TEXT NOT NULL,
    content_type TEXT NOT NULL,
    metadata     BLOB NOT NULL,
    body         BLOB NOT NULL
);
CREATE UNIQUE INDEX payload_by_task ON payload (task_id, part);

-- The tasks as queries see them (actors.store.TaskRow), oldest first.
CREATE TABLE task (
    pos           INTEGER PRIMARY KEY,
    task_id       TEXT NOT NULL,
    agent_id      TEXT NOT NULL,
    model_name    TEXT NOT NULL,
    priority      INTEGER NOT NULL,
    scope         TEXT NOT NULL,
    origin        TEXT NOT NULL,
    digest        TEXT NOT NULL,
    state         TEXT NOT NULL,
    submitted_at  REAL NOT NULL,
    scheduled_ti  TEXT NOT NULL,
    attempt       INTEGER NOT NULL,
    remote_id     TEXT NOT NULL,
    dispatched_at REAL,
    started_at    REAL,
    ended_at      REAL,
    execution_ms  REAL,
    error         TEXT NOT NULL,
    error_code    TEXT NOT NULL,
    updated_at    REAL NOT NULL
);
CREATE UNIQUE INDEX task_by_id ON task (task_id);
CREATE INDEX task_by_remote_id ON task (remote_id) WHERE remote_id <> '';
CREATE INDEX task_by_agent ON task (agent_id);
CREATE INDEX task_by_state ON task (state);

-- The newest complete snapshot of each shard, and the pieces that snapshots are written in.
CREATE TABLE snapshot (
    shard TEXT PRIMARY KEY,
    seq   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE snapshot_piece (
    pos   INTEGER PRIMARY KEY,
    shard TEXT NOT NULL,
    seq   INTEGER NOT NULL,
    body  BLOB NOT NULL
);
CREATE INDEX snapshot_piece_by_shard ON snapshot_piece (shard, seq);
