"""Verification finds what is wrong with a record: each rule is broken on purpose in one that is sound."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
import pytest

from actors.messages import Message
from actors.messages.scheduler import RegisterInstance
from actors.store import JournalEntry, OutboxRow, Snapshot, TaskRow
from actors.task_lifecycle import TaskState
from actors.verification import Findings, Limits, Rule, verify
from tests.properties.fake_instances import CONDUCTS, Conduct, FakeInstances
from tests.properties.one_process import BEHAVIOURS, World
from tests.unit.scheduling import submit
from tests.verifying import Recorded, read_record

MEMORY = Path("/dev/shm")
LATE: list[Conduct] = [*CONDUCTS, "long", "slow", "deaf", "accept", "accept", "accept", "accept", "accept"]


@pytest.fixture(name="sound", scope="module")
def _sound() -> Iterator[Recorded]:
    """A record of tasks that went well and badly, with scopes, agents and a process that was killed."""
    folder = Path(mkdtemp(prefix="verification-", dir=MEMORY if MEMORY.is_dir() else None))
    plan: list[list[Message]] = [
        [
            RegisterInstance("i1", "host", 8001, "m", 1, capabilities=("cancel", "preempt")),
            RegisterInstance("i2", "host", 8002, "m", 2, capabilities=("cancel", "preempt")),
        ],
        [
            submit(f"{conduct}-{n}", priority=n % 3, agent="a" * (n % 4 == 3), scope="s" * (n % 5 == 2))
            for n, conduct in enumerate(LATE)
        ],
    ]

    def conduct(task_id: str, attempt: int) -> Conduct:
        return LATE[int(task_id.partition("-")[2])] if attempt == 1 else "accept"

    World(FakeInstances(conduct), plan, folder / "0.db", True, 1).run([60])
    yield read_record(folder / "0.db")
    shutil.rmtree(folder)


def verified(record: Recorded) -> Findings:
    return verify(BEHAVIOURS, record.given, entries=record.entries, tasks=record.tasks, activity=record.activity)


def find(record: Recorded, kind: str, **fields: Any) -> int:
    """Where the first entry of this kind is."""
    for place, entry in enumerate(record.entries):
        body = msgspec.json.decode(entry.body)
        if entry.kind == kind and all(body.get(name) == value for name, value in fields.items()):
            return place
    raise AssertionError(f"the record has no {kind} with {fields}")


def rewrite(record: Recorded, place: int, **fields: Any) -> JournalEntry:
    """Change fields of an event."""
    entry = record.entries[place]
    body = {**msgspec.json.decode(entry.body), **fields}
    record.entries[place] = replace(entry, body=msgspec.json.encode(body))
    return record.entries[place]


def respecify(record: Recorded, place: int, **fields: Any) -> JournalEntry:
    """Change fields of the spec of a task that is queued there."""
    body = msgspec.json.decode(record.entries[place].body)
    return rewrite(record, place, spec={**body["spec"], **fields})


def give(record: Recorded, **fields: Any) -> None:
    record.given = replace(record.given, **fields)


def rerow(record: Recorded, **fields: Any) -> TaskRow:
    record.tasks[0] = replace(record.tasks[0], **fields)
    return record.tasks[0]


def lose_a_task(record: Recorded) -> str:
    give(record, acknowledged=("ghost",))
    return "ghost"


def end_twice(record: Recorded) -> str:
    place = find(record, "TaskFinished")
    record.entries.append(record.entries[place])
    return record.entries[place].task_id


def never_end(record: Recorded) -> str:
    return record.entries.pop(find(record, "TaskFinished")).task_id


def change_an_end(record: Recorded) -> str:
    return rerow(record, state=TaskState.CANCELLED).task_id


def admit_twice(record: Recorded) -> str:
    place = find(record, "TaskQueued")
    record.entries.append(record.entries[place])
    return record.entries[place].task_id


def close_as_something_else(record: Recorded) -> str:
    return rewrite(record, find(record, "TaskClosed", state="completed"), state="failed").task_id


def move_illegally(record: Recorded) -> str:
    queued, giving_way = record.entries[find(record, "TaskQueued")], record.entries[find(record, "PreemptionBegan")]
    body = {**msgspec.json.decode(giving_way.body), "task_id": queued.task_id}
    moved = replace(giving_way, task_id=queued.task_id, body=msgspec.json.encode(body))
    record.entries.insert(find(record, "TaskQueued") + 1, moved)
    return queued.task_id


def move_an_agent_illegally(record: Recorded) -> str:
    rewrite(record, find(record, "AgentMoved"), before=None, after="resumed")
    return ""


def move_an_agent_from_where_it_was_not(record: Recorded) -> str:
    rewrite(record, find(record, "AgentMoved"), before="suspended")
    return ""


def try_too_often(record: Recorded) -> str:
    give(record, limits=Limits(max_attempts=1))
    return record.entries[find(record, "AttemptPlaced", attempt=2)].task_id


def fall_back_to_an_earlier_attempt(record: Recorded) -> str:
    return rewrite(record, find(record, "AttemptPlaced", attempt=2), attempt=1).task_id


def share_a_scope(record: Recorded) -> str:
    for place, entry in enumerate(record.entries):
        if entry.kind == "TaskQueued":
            respecify(record, place, scope="everything")
    return ""


def run_more_than_the_capacity(record: Recorded) -> str:
    rewrite(record, find(record, "InstanceRegistered", capacity=2), capacity=1)
    return ""


def run_more_than_the_slots(record: Recorded) -> str:
    give(record, limits=Limits(agent_slots=0))
    return ""


def run_without_an_entry(record: Recorded) -> str:
    return record.entries.pop(find(record, "TaskExpected")).task_id


def keep_an_entry_after_the_end(record: Recorded) -> str:
    record.activity[0] = replace(record.activity[0], status="live")
    return record.activity[0].task_id


def write_under_an_older_epoch(record: Recorded) -> str:
    place = max(n for n, entry in enumerate(record.entries) if entry.shard == "scheduler")
    assert record.entries[place].epoch == 2
    record.entries[place] = replace(record.entries[place], epoch=1)
    return record.entries[place].task_id


def leave_a_gap(record: Recorded) -> str:
    record.entries.pop(find(record, "ProbeSent"))
    return ""


def lose_the_newest_entries(record: Recorded) -> str:
    give(record, leases=[replace(lease, seq=lease.seq + 1) for lease in record.given.leases])
    return ""


def end_by_another_attempt(record: Recorded) -> str:
    return rewrite(record, find(record, "TaskFinished"), attempt=9).task_id


def take_a_current_report_for_late(record: Recorded) -> str:
    placed = record.entries[find(record, "AttemptPlaced", attempt=1)]
    body = {"task_id": placed.task_id, "attempt": 1, "ti_uuid": "i1"}
    late = replace(placed, kind="LateReportSeen", body=msgspec.json.encode(body))
    record.entries.insert(find(record, "AttemptPlaced", attempt=1) + 1, late)
    return placed.task_id


def have_an_effect_twice(record: Recorded) -> str:
    of_scheduler = [n for n, entry in enumerate(record.entries) if entry.shard == "scheduler"]
    place = of_scheduler[-1]
    record.entries[place] = replace(record.entries[place], cause=record.entries[of_scheduler[0]].cause)
    return record.entries[place].task_id


def never_send(record: Recorded) -> str:
    give(record, outbox=[OutboxRow("m", "scheduler", b"")])
    return ""


def pass_a_more_important_task(record: Recorded) -> str:
    """The last plain task to start has been the most important one from the beginning."""
    plain = {
        entry.task_id: place
        for place, entry in enumerate(record.entries)
        if entry.kind == "TaskQueued"
        and not (spec := msgspec.json.decode(entry.body)["spec"]).get("scope")
        and spec["agent_id"].startswith("model:")
    }
    started = dict.fromkeys(entry.task_id for entry in record.entries if entry.kind == "TaskBound")
    last = [task_id for task_id in started if task_id in plain][-1]
    respecify(record, plain[last], priority=20)
    return ""


def forge_a_row(record: Recorded) -> str:
    return rerow(record, error="never happened").task_id


def drop_a_row(record: Recorded) -> str:
    return record.tasks.pop().task_id


def invent_a_task(record: Recorded) -> str:
    record.tasks.append(replace(record.tasks[0], task_id="invented"))
    return "invented"


def forge_an_entry(record: Recorded) -> str:
    record.activity[0] = replace(record.activity[0], description="something else")
    return record.activity[0].task_id


def forge_a_snapshot(record: Recorded) -> str:
    snapshot = record.given.snapshots["scheduler"]
    state = {**msgspec.json.decode(snapshot.actors["one"]), "arrivals": 12345}
    forged = Snapshot(snapshot.seq, {"one": msgspec.json.encode(state)})
    give(record, snapshots={**record.given.snapshots, "scheduler": forged})
    return ""


def write_what_cannot_be_replayed(record: Recorded) -> str:
    record.entries.pop(find(record, "TaskQueued"))
    return ""


def write_what_cannot_be_read(record: Recorded) -> str:
    place = find(record, "TaskClosed")
    record.entries[place] = replace(record.entries[place], kind="Unheard")
    return record.entries[place].task_id


def leave_something_running(record: Recorded) -> str:
    return rerow(record, state=TaskState.RUNNING).task_id


def bury_a_message(record: Recorded) -> str:
    give(record, dead_letters=("m",))
    return ""


def lose_a_dead_letter(record: Recorded) -> str:
    give(record, expected_dead=("m",))
    return ""


CORRUPTIONS: list[tuple[Rule, Callable[[Recorded], str]]] = [
    (Rule.KEPT, lose_a_task),
    (Rule.ONE_END, end_twice),
    (Rule.ONE_END, never_end),
    (Rule.ONE_END, change_an_end),
    (Rule.ONE_END, admit_twice),
    (Rule.ONE_END, close_as_something_else),
    (Rule.LEGAL_MOVES, move_illegally),
    (Rule.LEGAL_MOVES, move_an_agent_illegally),
    (Rule.LEGAL_MOVES, move_an_agent_from_where_it_was_not),
    (Rule.LEGAL_MOVES, try_too_often),
    (Rule.LEGAL_MOVES, fall_back_to_an_earlier_attempt),
    (Rule.SCOPES, share_a_scope),
    (Rule.IN_FLIGHT, run_more_than_the_capacity),
    (Rule.IN_FLIGHT, run_more_than_the_slots),
    (Rule.IN_FLIGHT, run_without_an_entry),
    (Rule.IN_FLIGHT, keep_an_entry_after_the_end),
    (Rule.EPOCHS, write_under_an_older_epoch),
    (Rule.EPOCHS, leave_a_gap),
    (Rule.EPOCHS, lose_the_newest_entries),
    (Rule.CURRENT_ATTEMPT, end_by_another_attempt),
    (Rule.CURRENT_ATTEMPT, take_a_current_report_for_late),
    (Rule.ONE_EFFECT, have_an_effect_twice),
    (Rule.ONE_EFFECT, never_send),
    (Rule.ORDER, pass_a_more_important_task),
    (Rule.REPLAY, forge_a_row),
    (Rule.REPLAY, drop_a_row),
    (Rule.REPLAY, invent_a_task),
    (Rule.REPLAY, forge_an_entry),
    (Rule.REPLAY, forge_a_snapshot),
    (Rule.REPLAY, write_what_cannot_be_replayed),
    (Rule.REPLAY, write_what_cannot_be_read),
    (Rule.DRAINED, leave_something_running),
    (Rule.DRAINED, bury_a_message),
    (Rule.DRAINED, lose_a_dead_letter),
]


def test_a_sound_record_breaks_no_rule_and_was_looked_at(sound: Recorded) -> None:
    findings = verified(deepcopy(sound))
    assert findings.is_sound, [str(violation) for violation in findings.violations]
    counts = findings.looked_at
    for name in ("ends", "moves of tasks", "moves of agents", "attempts", "starts with a scope"):
        assert counts[name] > 0, f"the record has no {name}"
    for name in ("starts within capacity", "starts in order", "activity rows", "actors compared with their snapshot"):
        assert counts[name] > 0, f"the record has no {name}"
    assert counts["tasks"] == len(LATE)
    assert not findings.unjudged


def test_a_row_of_a_database_that_holds_no_nul_is_sound(sound: Recorded) -> None:
    record = deepcopy(sound)
    give(record, snapshots={})
    failed = rewrite(record, find(record, "TaskFinished", state="failed"), error="what\x00 failed")
    begun = rewrite(record, find(record, "TaskExpected"), activity={"description": "a\x00 task"})
    record.tasks = [replace(r, error="what\ufffd failed") if r.task_id == failed.task_id else r for r in record.tasks]
    record.activity = [
        replace(r, description="a\ufffd task") if r.task_id == begun.task_id else r for r in record.activity
    ]
    assert [str(violation) for violation in verified(record).violations] == []


@pytest.mark.parametrize(("rule", "corrupt"), CORRUPTIONS, ids=[corrupt.__name__ for _, corrupt in CORRUPTIONS])
def test_what_breaks_a_rule_is_found(sound: Recorded, rule: Rule, corrupt: Callable[[Recorded], str]) -> None:
    record = deepcopy(sound)
    task_id = corrupt(record)
    found = [violation for violation in verified(record).violations if violation.rule is rule]
    assert found, f"nothing is said to break rule {rule:d}"
    if task_id:
        assert task_id in {violation.task_id for violation in found}
