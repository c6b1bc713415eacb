-- What trimming goes by: the ended tasks, oldest end first.
CREATE INDEX task_by_end ON task (ended_at) WHERE ended_at IS NOT NULL;

-- Tasks that ended up to then may have been dropped; no row where none ever was.
CREATE TABLE trimmed (
    until REAL NOT NULL
);

-- Messages that could have no effect (actors.dead_letters). failures is JSON: [[at, reason], ...], failed_at the last.
CREATE TABLE dead_letter (
    id        TEXT PRIMARY KEY,
    kind      TEXT NOT NULL,
    receiver  TEXT NOT NULL,
    name      TEXT NOT NULL,
    task_id   TEXT NOT NULL,
    failed_at REAL NOT NULL,
    failures  TEXT NOT NULL,
    body      BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX dead_letter_by_time ON dead_letter (failed_at, id);
