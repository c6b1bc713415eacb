"""What the store says once all is quiet: every promise about tasks, read from the record itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

from actors.addresses import ActorKind, all_shards, kind_of_shard
from actors.agent.events import TaskFinished
from actors.behaviour import AnyBehaviour
from actors.messages import Answer, Message
from actors.messages.answers import QueuesDescribed, TaskAccepted
from actors.messages.scheduler import SubmitTask
from actors.messages.wire import Codec
from actors.scheduler.events import TaskClosed, TaskQueued
from actors.store import SETTLED_AT_THE_END, JournalEntry, Store, TaskRow, Transaction
from actors.task_lifecycle import TERMINAL, TaskState, may_move
from actors.task_rows import note_row


class Asked(Protocol):
    """A request and its answer."""

    message: Message
    answer: Answer | None


async def check(
    store: Store, behaviours: Mapping[ActorKind, AnyBehaviour], shards: int, requests: Iterable[Asked]
) -> list[TaskRow]:
    """All tasks. Raises AssertionError where the record breaks a promise. For a store that no process uses."""
    accepted = [request.answer.task_id for request in requests if isinstance(request.answer, TaskAccepted)]
    rows = await check_tasks(store, behaviours, shards, accepted)
    for request in requests:
        if isinstance(request.message, SubmitTask) and isinstance(request.answer, TaskAccepted):
            assert request.message.spec.task_id in {row.task_id for row in rows}, "an accepted task is not known"
    _check_quiet(requests)
    return rows


async def check_tasks(
    store: Store, behaviours: Mapping[ActorKind, AnyBehaviour], shards: int, accepted: Collection[str]
) -> list[TaskRow]:
    """The same of tasks that all have ended, `accepted` among them, from the record alone."""
    names = all_shards(shards)
    journals = {name: [entry async for entry in store.journal(name, 0)] for name in names}
    events = {name: _decode(journals[name], behaviours[kind_of_shard(name)]) for name in names}
    _check_causes(journals)
    _check_ends([event for shard in events.values() for event in shard], accepted)
    codec = Codec[Any]([type_ for behaviour in behaviours.values() for type_ in behaviour.event_types])
    rows = await store.tasks(limit=10_000)
    for row in rows:
        _check_row(row, await store.story(row.task_id), codec)
        if row.state is TaskState.COMPLETED:
            assert await store.payload(row.task_id, "result") is not None
        assert await store.payload(row.task_id, "input") is not None
    left = await store.outbox(names)
    assert not left, f"never sent: {left}"
    return rows


def _decode(entries: Iterable[JournalEntry], behaviour: AnyBehaviour) -> list[Any]:
    codec = Codec[Any](behaviour.event_types)
    return [codec.decode(entry.kind, entry.body) for entry in entries]


def _check_causes(journals: Mapping[str, list[JournalEntry]]) -> None:
    """No message has had its effect twice: all that one brought about in a shard stands together."""
    for name, entries in journals.items():
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1)), f"{name} has gaps"
        runs = [cause for n, cause in enumerate(e.cause for e in entries) if n == 0 or entries[n - 1].cause != cause]
        twice = [cause for cause, count in Counter(runs).items() if count > 1]
        assert not twice, f"{name} has decided {twice} more than once"


def _check_ends(events: list[Any], accepted: Collection[str]) -> None:
    """Every task that was admitted has exactly one end, with its agent and with the scheduler."""
    queued = Counter(event.task_id for event in events if isinstance(event, TaskQueued))
    finished = Counter(event.task_id for event in events if isinstance(event, TaskFinished))
    closed = Counter(event.task_id for event in events if isinstance(event, TaskClosed))
    assert set(queued.values()) <= {1}, f"admitted more than once: {queued}"
    assert finished == queued, f"ends by agents {finished}, of {queued}"
    assert closed == queued, f"ends for the scheduler {closed}, of {queued}"
    lost = set(accepted) - queued.keys()
    assert not lost, f"accepted and lost: {lost}"


def _check_row(row: TaskRow, story: list[JournalEntry], codec: Codec[Any]) -> None:
    """The row is what its events say, and it moved as the table of states allows."""
    columns: dict[str, Any] = {}
    for entry in story:
        change = note_row(Transaction(), codec.decode(entry.kind, entry.body), entry.at)
        before, after = columns.get("state"), change.get("state")
        if before in TERMINAL and not SETTLED_AT_THE_END.isdisjoint(change):
            continue
        if before is not None and after is not None:
            assert before == after or may_move(before, after), f"{row.task_id} moved from {before} to {after}"
        columns |= change
        if change:
            columns["updated_at"] = entry.at
    assert asdict(TaskRow(**columns)) == asdict(row), f"{row.task_id} differs from its story"


def _check_quiet(requests: Iterable[Asked]) -> None:
    """Nothing is left to do: no credit is taken, nobody waits."""
    described = [request.answer for request in requests if isinstance(request.answer, QueuesDescribed)]
    last = described[-1]
    assert (last.running_total, last.waiting_total) == (0, 0), last
    assert all((queue.running, queue.waiting) == (0, 0) for queue in last.queues), last
