"""Retention: old ended tasks go with all that is theirs, the rest stays whole, and the store stops growing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from actors.activity_reader import ActivityFilter
from actors.behaviour import Keep
from actors.dead_letters import DeadLetter, Failure
from actors.retention import Retention, RetentionLimits
from actors.store import JournalEntry, Lease, Snapshot
from actors.task_lifecycle import TaskState
from tests.contracts.store_rigs import Bench, append, row

NOW = 1_000_000.0
DAY_S = 86_400.0
ANY = ActivityFilter()


@dataclass
class Trimmed:
    """A store whose tasks end as a test says, two entries of the journal each, and a retention of its own."""

    bench: Bench
    lease: Lease
    seq: int = 0
    limits: RetentionLimits = field(default_factory=lambda: RetentionLimits(7.0, 1000))

    def end(self, task_id: str, days_ago: float, state: TaskState = TaskState.COMPLETED) -> None:
        self.commit(task_id, NOW - days_ago * DAY_S - 1.0, state=TaskState.QUEUED)
        self.finish(task_id, days_ago, state)

    def finish(self, task_id: str, days_ago: float, state: TaskState = TaskState.COMPLETED) -> None:
        at = NOW - days_ago * DAY_S
        self.bench.commit(
            appends=[append(self.lease, self._entry(task_id, "TaskFinished", at))],
            changed_rows={task_id: {"state": state, "ended_at": at}},
            changed_entries={task_id: {"agent_id": "a", "status": "ended", "timestamp": at}},
            payloads=[Keep(task_id, "result", b"2" * 1000)],
        )

    def commit(self, task_id: str, at: float, **columns: object) -> None:
        self.bench.commit(
            appends=[append(self.lease, self._entry(task_id, "TaskQueued", at))],
            new_rows={task_id: row(submitted_at=at, **columns)},
            new_entries={task_id: self._activity(at)},
            payloads=[Keep(task_id, "input", b"1" * 1000)],
        )

    def note(self, at: float) -> None:
        """An entry about no task."""
        self.bench.commit(appends=[append(self.lease, self._entry("", "InstanceRegistered", at))])

    def snapshot(self) -> None:
        lease = Lease(self.lease.shard, self.lease.epoch, self.seq)
        self.bench(self.bench.store.save_snapshot(lease, Snapshot(self.seq, {"one": b"{}"})))

    def trim(self) -> int:
        return self.bench(Retention(self.bench.store, self.limits, clock=lambda: NOW, rest=0.0).round())

    def tasks(self) -> list[str]:
        return [found.task_id for found in reversed(self.bench(self.bench.store.tasks(limit=10_000)))]

    def kinds(self, task_id: str) -> list[str]:
        return [entry.kind for entry in self.bench(self.bench.store.story(task_id))]

    def _entry(self, task_id: str, kind: str, at: float) -> JournalEntry:
        self.seq += 1
        return JournalEntry(self.seq, "one", at, f"m{self.seq}", task_id, kind, b"{}")

    def _activity(self, at: float) -> dict[str, object]:
        texts = dict.fromkeys(("repo_id", "worktree_id", "branch", "description"), "")
        return {"agent_id": "a", **texts, "timestamp": at, "status": "live"}


@pytest.fixture(name="store")
def _store(durable: Bench) -> Trimmed:
    return Trimmed(durable, durable.lease())


def test_what_ended_too_long_ago_goes_with_all_that_is_its(store: Trimmed) -> None:
    store.end("old", days_ago=8)
    store.end("failed", days_ago=7.5, state=TaskState.FAILED)
    store.end("new", days_ago=6)
    store.commit("waits", NOW - 9 * DAY_S, state=TaskState.QUEUED)
    store.snapshot()
    assert store.trim() == 2
    assert store.tasks() == ["new", "waits"]
    reader = store.bench.store
    assert store.bench(reader.task("old")) is None
    for part in ("input", "result"):
        assert store.bench(reader.payload("old", part)) is None
        assert store.bench(reader.payload("new", part)) is not None
    assert store.kinds("old") == []
    assert store.kinds("new") == ["TaskQueued", "TaskFinished"]
    assert store.kinds("waits") == ["TaskQueued"]
    ended = store.bench(reader.ended_activity(ANY))
    assert [entry.task_id for entry in ended] == ["new"]
    assert store.trim() == 0


def test_of_too_many_the_oldest_go(store: Trimmed) -> None:
    store.limits = RetentionLimits(7.0, 3)
    for n in range(150):
        store.end(f"t{n}", days_ago=1 - n / 1000)
    assert store.trim() == 147
    assert store.tasks() == ["t147", "t148", "t149"]


def test_a_task_that_took_long_takes_none_along_that_came_after_it(store: Trimmed) -> None:
    store.limits = RetentionLimits(7.0, 3)
    store.commit("long", NOW - 6 * DAY_S, state=TaskState.QUEUED)
    for n in range(3):
        store.end(f"t{n}", days_ago=5 - n)
    store.finish("long", days_ago=1)
    store.trim()
    assert {"long", "t1", "t2"} <= set(store.tasks())


def test_of_those_that_ended_together_none_goes_while_one_is_to_be_kept(store: Trimmed) -> None:
    store.limits = RetentionLimits(7.0, 3)
    store.end("before", days_ago=2)
    for n in range(5):
        store.end(f"t{n}", days_ago=1)
    assert store.trim() == 1
    assert store.tasks() == [f"t{n}" for n in range(5)]


def test_what_has_just_ended_stays_however_many_there_are(store: Trimmed) -> None:
    store.limits = RetentionLimits(7.0, 1)
    for n in range(5):
        store.end(f"t{n}", days_ago=1 / DAY_S)
    assert store.trim() == 0


def test_what_a_shard_needs_for_its_recovery_stays(store: Trimmed) -> None:
    store.end("old", days_ago=8)
    store.note(NOW - 8 * DAY_S)
    store.snapshot()
    store.end("later", days_ago=7.9)
    store.note(NOW - 7.8 * DAY_S)
    store.end("kept", days_ago=1)
    assert store.trim() == 2
    assert [entry.seq for entry in store.bench.journal()] == [4, 5, 6, 7, 8]
    store.snapshot()
    store.trim()
    store.bench.reopen()
    assert [(entry.seq, entry.task_id) for entry in store.bench.journal()] == [(6, ""), (7, "kept"), (8, "kept")]
    assert store.bench.lease().seq == 8


def test_an_id_is_free_again_and_its_former_story_is_not_told(store: Trimmed) -> None:
    store.end("t", days_ago=8)
    store.trim()
    assert store.bench(store.bench.store.known(["t"])) == {}
    store.end("t", days_ago=1)
    assert store.kinds("t") == ["TaskQueued", "TaskFinished"] * 2, "there is no snapshot yet"
    store.snapshot()
    store.trim()
    assert store.kinds("t") == ["TaskQueued", "TaskFinished"]
    assert store.tasks() == ["t"]


def test_who_follows_the_activity_is_told_that_it_was_forgotten(store: Trimmed) -> None:
    store.end("old", days_ago=8)
    store.end("new", days_ago=1)
    assert store.bench.store.forgotten_activity_change() == 0
    store.trim()
    store.bench(_until(lambda: store.bench.store.forgotten_activity_change() == 2))
    assert [entry.change for entry in store.bench(store.bench.store.activity_changes(0, 10))] == [4]


async def _until(question: Callable[[], bool]) -> None:
    """A store that others write too hears of changes a moment later."""
    async with asyncio.timeout(10.0):
        while not question():  # noqa: ASYNC110  (what it hears of has no event for others)
            await asyncio.sleep(0.01)


def test_old_dead_letters_go(store: Trimmed) -> None:
    letters = [
        DeadLetter(name, "message", "scheduler/one", "SetStrategy", "", b"[]", (Failure(NOW - days * DAY_S, "why"),))
        for name, days in (("old", 8), ("new", 6), ("tried", 9))
    ]
    store.bench.commit(dead=letters)
    again = (Failure(NOW - DAY_S, "why again"),)
    store.bench.commit(dead=[DeadLetter("tried", "message", "scheduler/one", "SetStrategy", "", b"[]", again)])
    store.trim()
    found = store.bench(store.bench.store.dead_letters())
    assert [letter.id for letter in found] == ["tried", "new"]
    assert [failure.reason for failure in found[0].failures] == ["why", "why again"]


def test_the_file_stops_growing_under_endless_load(tmp_path: Path) -> None:
    bench = Bench(f"sqlite:///{tmp_path}/store.db")
    store = Trimmed(bench, bench.lease(), limits=RetentionLimits(7.0, 100))
    sizes = []
    for turn in range(6):
        for n in range(150):
            store.end(f"t{turn}-{n}", days_ago=6 - turn / 2 - n / 1000)
        store.snapshot()
        store.trim()
        with sqlite3.connect(f"file:{tmp_path}/store.db?mode=ro", uri=True) as reader:
            sizes.append(reader.execute("PRAGMA page_count").fetchone()[0])
        assert len(store.tasks()) == 100
    bench.close()
    assert max(sizes[2:]) <= 1.1 * sizes[1], sizes
