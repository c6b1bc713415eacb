"""One turn: everything that has arrived is decided, in memory, down to the last message between local actors.

A turn does no I/O. It collects the transaction that makes it durable, and what may leave the process once it
is. Messages between actors of one process are decided within the turn, so that both ends are in one
transaction and nothing needs to be stored in between.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from msgspec import Struct, field

from actors.activity_rows import note_entry
from actors.addresses import Address
from actors.announcing import Fact, announcements, told_of
from actors.behaviour import Decision, Keep, Recalled, Received, Reply, Send, Warn
from actors.envelope import Envelope
from actors.envelope_json import Parcel, encode_parcels
from actors.errands import Errand
from actors.messages.runtime import Resumed, TimePassed
from actors.messages.tasks import IMPLICIT_AGENT
from actors.shard import Shard
from actors.store import OutboxRow, ShardAppend, Transaction
from actors.task_rows import note_row
from actors.ways import Ways

MIN_PAUSE_S = 0.01
"""An actor that was woken is not woken again before (s): a deadline that does not move cannot spin."""

TICK_S = 1e-6
"""By how much each decision is recorded later than the one before, which orders a task's story over shards (s)."""


class Poisoned(Exception):
    """An actor failed at a message. `root` is what arrived and brought it about; the turn is void."""

    def __init__(self, root: Envelope, failed: Envelope) -> None:
        super().__init__(f"{type(failed.message).__name__} {failed.id} for {'/'.join(failed.to)}")
        self.root = root
        self.failed = failed


class SentErrand(Struct, frozen=True):
    """An errand, and who wants to know its outcome."""

    sender: Address
    errand: Errand
    outcome_id: str


class Outgoing(Struct, frozen=True):
    """What a shard has to send over the broker, in order, and the id of the outbox row that has all of it."""

    row_id: str
    shard: str
    parcels: list[Parcel] = field(default_factory=list)


FindShard: TypeAlias = Callable[[Address], Shard | None]


class Turn:
    """What one pass has decided so far.

    `detours` are the messages to shards of this process that go over the broker all the same: sender, receiver, id.
    """

    def __init__(
        self,
        find_shard: FindShard,
        now: float,
        *,
        hand_over: bool,
        message_limit: int,
        asked_here: Collection[Address] = (),
        announces: bool = False,
        chance: Callable[[], float] = random.random,
        ways: Ways | None = None,
    ) -> None:
        self.now = now
        self.transaction = Transaction()
        self.replies: list[Envelope] = []
        self.outgoing: dict[str, Outgoing] = {}
        self.unstored: list[Envelope] = []
        self.errands: list[SentErrand] = []
        self.warnings: list[Warn] = []
        self.put_off: list[Envelope] = []
        self.detours: list[tuple[str, str, str]] = []
        self.touched: dict[str, Shard] = {}
        self._find_shard = find_shard
        self._hand_over = hand_over
        self._ways = ways or Ways()
        self._left = message_limit
        self._asked_here = asked_here
        self._announces = announces
        self._chance = chance
        self._facts: list[Fact] = []
        self._decided = 0
        self._local: deque[Envelope] = deque()
        self._moved: dict[tuple[str, str], Shard] = {}

    def handle(self, root: Envelope, recalled: Mapping[str, Recalled]) -> None:
        """Decide this message and all that it brings about here. Raises Poisoned."""
        envelope = root
        try:
            self._decide(root, recalled)
            while self._local:
                envelope = self._local.popleft()
                self._decide(envelope, {})
        except Exception as error:
            raise Poisoned(root, envelope) from error

    def wake(self, shard: Shard, key: str) -> None:
        """Tell an actor that a time it was waiting for has come."""
        address = Address(shard.name.partition("-")[0], key)  # type: ignore[arg-type]
        self.handle(Envelope(shard.next_message_id(), address, TimePassed()), {})
        self.plan_wakeups()
        shard.plan_wakeup(key, not_before=self.now + MIN_PAUSE_S)

    def plan_wakeups(self) -> None:
        """Note when each actor that has decided something wants to be woken next: once a turn, not once a message."""
        for (_, key), shard in self._moved.items():
            shard.plan_wakeup(key)
        self._moved.clear()

    def close(self) -> Transaction:
        """The transaction: everything that the turn changes.

        It is fenced for every shard that decided something, also where nothing is to be remembered: else a
        former owner could take a message in, and to nothing, that its successor waits for.
        """
        self.plan_wakeups()
        for shard in self.touched.values():
            if shard.entries or self.transaction.inbox or self.outgoing:
                self.transaction.appends.append(ShardAppend(shard.name, shard.epoch, shard.entries))
                shard.entries = []
        for shard_name, announcement in announcements(self._facts, self._new_id):
            self._leaves(self.touched[shard_name], announcement)
        for outgoing in self.outgoing.values():
            row = OutboxRow(outgoing.row_id, outgoing.shard, encode_parcels(outgoing.parcels))
            self.transaction.outbox.append(row)
        return self.transaction

    @property
    def changes_anything(self) -> bool:
        """Whether there is anything to store."""
        t = self.transaction
        return bool(t.appends or t.inbox or t.outbox or t.sent or t.payloads or t.new_rows or t.changed_rows or t.dead)

    def _new_id(self, shard_name: str) -> str:
        return self.touched[shard_name].next_message_id()

    def _decide(self, envelope: Envelope, recalled: Mapping[str, Recalled]) -> None:
        self._left -= 1
        to = envelope.to
        shard = self._find_shard(to)
        if shard is None:
            raise LookupError(f"no shard here hosts {'/'.join(to)}")
        received = Received(envelope.message, envelope.id, envelope.reply_to, self._chance())
        if recalled:
            asked = shard.behaviour.recall(envelope.message)
            received.recalled = recalled.get(asked) if asked else None
        self.touched[shard.name] = shard
        decision = shard.behaviour.decide(shard.state(to.key), received, self.now)
        if isinstance(envelope.message, Resumed):
            self._moved[shard.name, to.key] = shard  # it has not been woken until now
        self._remember(shard, envelope, decision)
        for effect in decision.effects:
            self._take_effect(shard, envelope, effect)

    def _remember(self, shard: Shard, envelope: Envelope, decision: Decision[Any]) -> None:
        if not decision.events:
            return
        at = self.now + TICK_S * self._decided
        self._decided += 1
        shard.apply(envelope.to.key, decision.events, envelope.id, at)
        self._moved[shard.name, envelope.to.key] = shard
        to = envelope.to
        if to.kind == "agent" and not to.key.startswith(IMPLICIT_AGENT):
            for event in decision.events:
                note_entry(self.transaction, to.key, event)
        for event in decision.events:
            columns = note_row(self.transaction, event, at)
            if self._announces and (told := told_of(event, columns)):
                agent_id = told.get("agent_id") or envelope.to.key
                self._facts.append(Fact(shard.name, event.task_id, agent_id, at, told))

    def _take_effect(self, shard: Shard, cause: Envelope, effect: Any) -> None:
        match effect:
            case Send():
                self._send(shard, cause.to, effect)
            case Keep():
                self.transaction.payloads.append(effect)
            case Reply():
                if cause.reply_to is not None:
                    self._post(shard, Envelope(cause.reply_to.correlation, cause.reply_to.to, effect.answer))
            case Warn():
                self.warnings.append(effect)
            case _:
                self.errands.append(SentErrand(cause.to, effect, shard.next_message_id()))

    def _send(self, shard: Shard, sender: Address, effect: Send) -> None:
        envelope = Envelope(shard.next_message_id(), effect.to, effect.message, None, shard.store_id)
        if effect.to == sender:
            (self._local if self._left > 0 else self.put_off).append(envelope)
        elif not self._hand_over or (receiver := self._find_shard(effect.to)) is None:
            self._post(shard, envelope)
        elif self._ways.is_clear(shard.name, receiver.name):
            self._local.append(envelope)
        else:
            self.detours.append((shard.name, receiver.name, envelope.id))
            self._post(shard, envelope)

    def _post(self, shard: Shard, envelope: Envelope) -> None:
        if self._hand_over and envelope.to in self._asked_here:
            self.replies.append(envelope)
        elif envelope.to.kind == "worker":
            self.unstored.append(envelope)
        else:
            self._leaves(shard, envelope)

    def _leaves(self, shard: Shard, parcel: Parcel) -> None:
        """To the one row that the shard has in this turn: a row costs a database more than what is in it."""
        if shard.name not in self.outgoing:
            self.outgoing[shard.name] = Outgoing(shard.next_message_id(), shard.name)
        self.outgoing[shard.name].parcels.append(parcel)
