-- One turn of the runtime, all of it or nothing, in one statement: no lock waits for the network.
--
-- Raises SW001 where a shard is not this writer's (the detail names them), SW002 where a message has had its effect
-- before. Returns the newest change of activity and the newest forgotten one, or null where it changes no activity.
-- Rows are locked in this order by all: shards, messages, tasks, activity.
CREATE FUNCTION commit_turn(
    appends append_given[], mentioned integer[], received text[], sending outbox_given[], sent text[],
    payloads payload_given[], new_tasks task_given[], changed_tasks task_change[],
    purged_agents text[], new_entries entry_given[], changed_entries entry_given[], purged_entries text[],
    most_ended bigint, spare bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    this_turn bigint;
    mine text[];
    done bigint;
BEGIN
    IF cardinality(appends) > 0 THEN
        WITH moved AS (
            UPDATE shard SET seq = coalesce(new.last, shard.seq) FROM unnest(appends) AS new
            WHERE shard.id = new.shard AND shard.epoch = new.epoch AND shard.seq = coalesce(new.before, shard.seq)
            RETURNING shard.id
        ) SELECT array_agg(id) FROM moved INTO mine;
        IF coalesce(cardinality(mine), 0) < cardinality(appends) THEN
            RAISE EXCEPTION 'fenced' USING ERRCODE = 'SW001', DETAIL = coalesce(
                (SELECT string_agg(new.shard, ' ') FROM unnest(appends) AS new WHERE new.shard <> ALL (coalesce(mine, '{}'))),
                (SELECT string_agg(new.shard, ' ') FROM unnest(appends) AS new));
        END IF;
        this_turn := nextval('turn');
        INSERT INTO journal (shard, last, first, turn, entries)
        SELECT new.shard, new.last, new.first, this_turn, new.entries FROM unnest(appends) AS new
        WHERE new.entries IS NOT NULL;
        IF cardinality(mentioned) > 0 THEN
            INSERT INTO mention (turn, tasks) VALUES (this_turn, mentioned);
        END IF;
    END IF;
    IF cardinality(received) > 0 THEN
        INSERT INTO inbox (id, at) SELECT id, extract(epoch FROM clock_timestamp()) FROM unnest(received) AS id
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS done = ROW_COUNT;
        IF done < cardinality(received) THEN
            RAISE EXCEPTION 'received before' USING ERRCODE = 'SW002';
        END IF;
    END IF;
    IF cardinality(payloads) > 0 THEN
        INSERT INTO payload (task_id, part, content_type, metadata, body) SELECT new.* FROM unnest(payloads) AS new
        ON CONFLICT (task_id, part) DO UPDATE
        SET content_type = excluded.content_type, metadata = excluded.metadata, body = excluded.body
        WHERE payload.part = 'checkpoint';
    END IF;
    IF cardinality(sending) > 0 THEN
        -- An id names one message for ever: one that is there is a repeat, of a turn whose answer was lost.
        INSERT INTO outbox (id, shard, body) SELECT new.id, new.shard, new.body FROM unnest(sending) AS new
        ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(sent) > 0 THEN
        DELETE FROM outbox WHERE id = ANY (sent);
    END IF;
    IF cardinality(new_tasks) > 0 THEN
        INSERT INTO task (
            task_id, agent_id, model_name, priority, scope, origin, digest, state, submitted_at, scheduled_ti, attempt,
            remote_id, dispatched_at, started_at, ended_at, execution_ms, error, error_code, updated_at
        ) SELECT new.* FROM unnest(new_tasks) AS new;
    END IF;
    IF cardinality(changed_tasks) > 0 THEN
        UPDATE task SET
            agent_id = CASE WHEN (new.set & 1) <> 0 THEN (new.task).agent_id ELSE task.agent_id END,
            model_name = CASE WHEN (new.set & 2) <> 0 THEN (new.task).model_name ELSE task.model_name END,
            priority = CASE WHEN (new.set & 4) <> 0 THEN (new.task).priority ELSE task.priority END,
            scope = CASE WHEN (new.set & 8) <> 0 THEN (new.task).scope ELSE task.scope END,
            origin = CASE WHEN (new.set & 16) <> 0 THEN (new.task).origin ELSE task.origin END,
            digest = CASE WHEN (new.set & 32) <> 0 THEN (new.task).digest ELSE task.digest END,
            state = CASE WHEN (new.set & 64) <> 0 THEN (new.task).state ELSE task.state END,
            submitted_at = CASE WHEN (new.set & 128) <> 0 THEN (new.task).submitted_at ELSE task.submitted_at END,
            scheduled_ti = CASE WHEN (new.set & 256) <> 0 THEN (new.task).scheduled_ti ELSE task.scheduled_ti END,
            attempt = CASE WHEN (new.set & 512) <> 0 THEN (new.task).attempt ELSE task.attempt END,
            remote_id = CASE WHEN (new.set & 1024) <> 0 THEN (new.task).remote_id ELSE task.remote_id END,
            dispatched_at = CASE WHEN (new.set & 2048) <> 0 THEN (new.task).dispatched_at ELSE task.dispatched_at END,
            started_at = CASE WHEN (new.set & 4096) <> 0 THEN (new.task).started_at ELSE task.started_at END,
            ended_at = CASE WHEN (new.set & 8192) <> 0 THEN (new.task).ended_at ELSE task.ended_at END,
            execution_ms = CASE WHEN (new.set & 16384) <> 0 THEN (new.task).execution_ms ELSE task.execution_ms END,
            error = CASE WHEN (new.set & 32768) <> 0 THEN (new.task).error ELSE task.error END,
            error_code = CASE WHEN (new.set & 65536) <> 0 THEN (new.task).error_code ELSE task.error_code END,
            updated_at = CASE WHEN (new.set & 131072) <> 0 THEN (new.task).updated_at ELSE task.updated_at END
        FROM unnest(changed_tasks) AS new WHERE task.task_id = (new.task).task_id
        AND ((new.set & 320) = 0 OR task.state NOT IN ('completed', 'failed', 'cancelled', 'expired'));
    END IF;
    IF cardinality(purged_agents) + cardinality(new_entries) + cardinality(changed_entries) + cardinality(purged_entries) > 0
    THEN
        RETURN change_activity(purged_agents, new_entries, changed_entries, purged_entries, most_ended, spare);
    END IF;
    RETURN NULL;
END
$$;

-- What a turn changes in the activity buffers. The row of activity_count stays locked until its transaction ends.
CREATE FUNCTION change_activity(
    purged_agents text[], new_entries entry_given[], changed_entries entry_given[], purged_entries text[],
    most_ended bigint, spare bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    counted activity_count;
    change_of_oldest bigint;
    done bigint;
BEGIN
    SELECT * FROM activity_count FOR UPDATE INTO STRICT counted;
    IF cardinality(purged_agents) > 0 THEN
        UPDATE activity SET change = counted.newest + old.n, branch = '', description = '', progress = NULL, status = 'purged'
        FROM (
            SELECT task_id, row_number() OVER (ORDER BY change) AS n FROM activity
            WHERE status = 'ended' AND agent_id = ANY (purged_agents)
        ) AS old WHERE activity.task_id = old.task_id;
        GET DIAGNOSTICS done = ROW_COUNT;
        counted.newest := counted.newest + done;
    END IF;
    IF cardinality(new_entries) > 0 THEN
        INSERT INTO activity (
            change, task_id, agent_id, repo_id, worktree_id, branch, description, progress, "timestamp", status
        )
        SELECT counted.newest + new.n, new.task_id, new.agent_id, new.repo_id, new.worktree_id, new.branch,
            new.description, new.progress, new."timestamp", new.status
        FROM unnest(new_entries) WITH ORDINALITY AS new (
            task_id, agent_id, repo_id, worktree_id, branch, description, progress, "timestamp", status, n)
        ON CONFLICT (task_id) DO UPDATE SET
            change = excluded.change, agent_id = excluded.agent_id, repo_id = excluded.repo_id,
            worktree_id = excluded.worktree_id, branch = excluded.branch, description = excluded.description,
            progress = excluded.progress, "timestamp" = excluded."timestamp", status = excluded.status;
        counted.newest := counted.newest + cardinality(new_entries);
        counted.ended := counted.ended + (SELECT count(*) FROM unnest(new_entries) AS new WHERE new.status <> 'live');
    END IF;
    IF cardinality(changed_entries) > 0 THEN
        counted.ended := counted.ended + (
            SELECT count(*) FROM unnest(changed_entries) AS new JOIN activity USING (task_id)
            WHERE new.status = 'ended' AND activity.status = 'live');
        UPDATE activity SET
            change = counted.newest + new.n, repo_id = coalesce(new.repo_id, activity.repo_id),
            worktree_id = coalesce(new.worktree_id, activity.worktree_id),
            branch = coalesce(new.branch, activity.branch), description = coalesce(new.description, activity.description),
            progress = coalesce(new.progress, activity.progress),
            "timestamp" = coalesce(new."timestamp", activity."timestamp"), status = coalesce(new.status, activity.status)
        FROM unnest(changed_entries) WITH ORDINALITY AS new (
            task_id, agent_id, repo_id, worktree_id, branch, description, progress, "timestamp", status, n)
        WHERE activity.task_id = new.task_id;
        counted.newest := counted.newest + cardinality(changed_entries);
    END IF;
    IF cardinality(purged_entries) > 0 THEN
        UPDATE activity SET change = counted.newest + new.n, branch = '', description = '', progress = NULL, status = 'purged'
        FROM unnest(purged_entries) WITH ORDINALITY AS new (task_id, n)
        WHERE activity.task_id = new.task_id AND activity.status = 'ended';
        counted.newest := counted.newest + cardinality(purged_entries);
    END IF;
    IF counted.ended > most_ended + spare THEN
        SELECT change FROM activity WHERE status <> 'live' ORDER BY change DESC LIMIT 1 OFFSET most_ended
        INTO change_of_oldest;
        IF FOUND THEN
            DELETE FROM activity WHERE change <= change_of_oldest AND status <> 'live';
            counted.forgotten := change_of_oldest;
        END IF;
        counted.ended := (SELECT count(*) FROM activity WHERE status <> 'live');
    END IF;
    UPDATE activity_count SET newest = counted.newest, forgotten = counted.forgotten, ended = counted.ended;
    PERFORM pg_notify('swarmpilot_activity', counted.newest || ' ' || counted.forgotten);
    RETURN ARRAY[counted.newest, counted.forgotten];
END
$$;
