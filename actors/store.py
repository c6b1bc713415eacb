"""The store port: the only truth. Implementations: `stores/sqlite`, `stores/postgres`.

The contract, held by `tests/contracts/test_store.py` for every implementation:

- `commit` is one transaction: all of it or nothing, durable when it returns.
- A commit under an epoch that is no longer the shard's raises Fenced and writes nothing.
- A commit with an inbox id that is already there raises AlreadyReceived and writes nothing.
- After StoreUnavailable a commit may turn out to be there; what is read afterwards is what stays.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from msgspec import Struct

from actors.activity_reader import ActivityReader
from actors.behaviour import Keep
from actors.dead_letters import DeadLetter, DeadLetterReader
from actors.leases import Lease as Lease
from actors.leases import Leases
from actors.messages.tasks import Origin
from actors.task_lifecycle import TaskState

SETTLED_AT_THE_END: Final = frozenset({"state", "scheduled_ti"})
"""Columns of a task's row that no longer change once it has ended; a change with one of them is then none at all.

The scheduler may hear of an end after it has moved the task on, in the same transaction or in another.
"""


@dataclass(slots=True)
class JournalEntry:
    """One event, as stored. `seq` counts up by one within a shard; `at` is Unix seconds, later with each decision.

    `cause` is the id of the message that brought it about, `task_id` the task it is about ("" for none). `shard`
    is where it was read from, "" before, and `epoch` the one that it was written under, 0 where that was not recorded;
    these are no part of what it says.
    """

    seq: int
    key: str
    at: float
    cause: str
    task_id: str
    kind: str
    body: bytes
    shard: str = field(default="", compare=False)
    epoch: int = field(default=0, compare=False)


class ShardAppend(Struct, frozen=True):
    """New entries of one shard, under the epoch that the writer believes to hold."""

    shard: str
    epoch: int
    entries: Sequence[JournalEntry]


class OutboxRow(Struct, frozen=True):
    """What one turn of a shard must send: encoded envelopes and announcements, until all are marked sent."""

    id: str
    shard: str
    body: bytes


@dataclass(slots=True)
class Transaction:
    """All that one turn of the runtime changes.

    `rows` maps task ids to the changed columns of their `task` row (names of TaskRow's fields). `inbox`
    are ids of messages that have now had their effect, `sent` outbox ids that the broker has confirmed.

    `new_entries` and `changed_entries` say the same of the entries of activity buffers (names of ActivityRow's fields);
    a change of an entry that is not there is none. Those in `purged_entries` are forgotten after that, where they have
    ended; of `purged_agents`, all that had ended before it.

    `dead` are messages that could have no effect, with one more failure each; `replayed` the ids of dead letters that
    have had one at last.
    """

    appends: list[ShardAppend] = field(default_factory=list)
    inbox: list[str] = field(default_factory=list)
    outbox: list[OutboxRow] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    payloads: list[Keep] = field(default_factory=list)
    new_rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed_rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    new_entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed_entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    purged_entries: dict[str, None] = field(default_factory=dict)
    purged_agents: list[str] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    replayed: list[str] = field(default_factory=list)

    @property
    def touches_activity(self) -> bool:
        """Whether entries of activity buffers change."""
        return bool(self.new_entries or self.changed_entries or self.purged_entries or self.purged_agents)


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as queries see it. Times are Unix seconds, durations milliseconds.

    `attempt` counts from 1 and is 0 before the first. `remote_id` is the instance's own id for the task,
    "" where it uses ours.
    """

    task_id: str
    agent_id: str
    model_name: str
    priority: int
    scope: str
    origin: Origin
    digest: str
    state: TaskState
    submitted_at: float
    scheduled_ti: str = ""
    attempt: int = 0
    remote_id: str = ""
    dispatched_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    execution_ms: float | None = None
    error: str = ""
    error_code: str = ""
    updated_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Payload:
    """A stored body with its content type; `metadata` is the JSON text that was submitted with an input."""

    body: bytes
    content_type: str
    metadata: bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of every actor of a shard after entry `seq`, by key, as JSON."""

    seq: int
    actors: Mapping[str, bytes]


class TaskReader(Protocol):
    """What queries need of the store."""

    async def task(self, task_id: str) -> TaskRow | None:
        """The task under our id, or the newest under the id that its instance gave it."""

    async def tasks_by_remote_id(self, remote_id: str) -> list[TaskRow]:
        """The tasks that instances gave this id: first those that have not ended, oldest first, then the others,
        newest first; 100 at most."""

    async def tasks(
        self, *, agent_id: str | None = None, states: Collection[TaskState] | None = None, limit: int = 100
    ) -> list[TaskRow]:
        """The newest tasks, filtered."""

    async def payload(self, task_id: str, part: str) -> Payload | None:
        """A stored payload."""

    async def inputs(self, task_ids: Sequence[str]) -> dict[str, tuple[TaskRow, Payload]]:
        """The tasks under these ids of ours, with their inputs; those that are not there are left out."""

    async def known(self, task_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Digest and instance (`scheduled_ti`) of each of these ids of ours that names a task."""

    async def story(self, task_id: str) -> list[JournalEntry]:
        """Every event about a task, in the order in which they were written; those of one transaction by `at`."""

    async def count_by_state(self) -> dict[TaskState, int]:
        """How many tasks are in each state."""


class Store(TaskReader, Leases, Protocol):
    """What the runtime needs of the store."""

    async def open(self) -> None:
        """Open, creating the schema where there is none. Raises StoreInUse, StoreUnavailable."""

    async def close(self) -> None:
        """Finish what is being written and close."""

    async def commit(self, transaction: Transaction) -> None:
        """Write it all or nothing. Raises Fenced, AlreadyReceived, StoreUnavailable."""

    async def snapshot(self, shard: str) -> Snapshot | None:
        """The newest snapshot of the shard."""

    async def save_snapshot(self, lease: Lease, snapshot: Snapshot) -> None:
        """Keep this snapshot instead of older ones. Raises Fenced."""

    def journal(self, shard: str, after: int) -> AsyncIterator[JournalEntry]:
        """The shard's entries with seq > after, in order."""

    async def outbox(self, shards: Collection[str]) -> list[OutboxRow]:
        """What these shards have not been confirmed to have sent, in the order in which it was written."""

    async def received(self, ids: Collection[str]) -> set[str]:
        """Which of these message ids are in the inbox."""

    async def shards(self) -> frozenset[str]:
        """The shards that this store was made with."""

    async def forget_received(self, before: float) -> int:
        """Drop inbox ids older than this time; returns how many."""


class TrimmedStore(Protocol):
    """What retention needs of the store. Each call is short, so that commits pass between them."""

    async def end_of_excess(self, keep: int) -> float | None:
        """Of ended tasks, what ended up to then is more than the `keep` newest; None where none is. At least those that
        ended last stay."""

    async def trim_tasks(self, upto: float) -> int:
        """Drop some of the tasks that ended up to then (Unix seconds), oldest end first, with their payloads and
        activity; returns how many. Their ids are as if they had never been used."""

    async def trim_journal(self, after: int) -> int | None:
        """Drop, of the next part of the journal after this position (0 at first), what no shard needs for its recovery
        and is about no task that is there; returns the position to go on from, None at the end of what may go."""

    async def trim_dead_letters(self, before: float) -> int:
        """Drop some of those whose last failure was before this (Unix seconds); returns how many."""


class WholeStore(Store, ActivityReader, DeadLetterReader, TrimmedStore, Protocol):
    """What a process is composed with: the runtime's store, and all that queries may read of it."""
