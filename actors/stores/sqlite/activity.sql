-- The entries of all activity buffers (actors.activity_reader.ActivityRow), by the number of their last change, so that
-- followers find what is new at the end. status is live, ended, or purged: such rows stay until the history's end
-- passes them by, for followers that have not seen them yet.
CREATE TABLE activity (
    change      INTEGER PRIMARY KEY,
    task_id     TEXT NOT NULL,
    agent_id    TEXT NOT NULL,
    repo_id     TEXT NOT NULL,
    worktree_id TEXT NOT NULL,
    branch      TEXT NOT NULL,
    description TEXT NOT NULL,
    progress    REAL,
    timestamp   REAL NOT NULL,
    status      TEXT NOT NULL
);
CREATE UNIQUE INDEX activity_by_task ON activity (task_id);
CREATE INDEX activity_by_status ON activity (status);

-- The newest change among the rows that have been dropped.
CREATE TABLE activity_forgotten (
    change INTEGER NOT NULL
);
INSERT INTO activity_forgotten (change) VALUES (0);
