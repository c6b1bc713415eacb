-- What a transaction brings, row by row: see commit_turn. Columns are in the order in which commit.py gives them.
CREATE TYPE append_given AS (
    shard text COLLATE "C", epoch bigint, before bigint, last bigint, first bigint, entries bytea);
CREATE TYPE outbox_given AS (id text COLLATE "C", shard text, body bytea);
CREATE TYPE payload_given AS (task_id text COLLATE "C", part text, content_type text, metadata bytea, body bytea);
CREATE TYPE task_given AS (
    task_id text COLLATE "C", agent_id text, model_name text, priority integer, scope text, origin text, digest text,
    state text, submitted_at float8, scheduled_ti text, attempt integer, remote_id text, dispatched_at float8,
    started_at float8, ended_at float8, execution_ms float8, error text, error_code text, updated_at float8);
-- set has a bit for each of the task's columns, beginning with the second: 1 where it changes.
CREATE TYPE task_change AS (task task_given, set integer);
CREATE TYPE entry_given AS (
    task_id text COLLATE "C", agent_id text, repo_id text, worktree_id text, branch text, description text,
    progress float8, "timestamp" float8, status text);
