"""The one loop that performs decisions: take, decide, store, and only then tell the world.

Why it is safe: nothing leaves the process before the transaction that says so is durable; what must leave
over the broker is in that transaction, and is published again after a crash; what came over the broker is
settled after it, and its ids are in it, so that a second delivery has no second effect. Answers to attached workers
alone are in no transaction: a worker repeats its report until it has one.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from actors.addresses import Address, shard_of, somewhere_in
from actors.arrivals import Arrivals, LocalDelivery
from actors.broker import Delivery
from actors.courier import Courier
from actors.crash_points import reach
from actors.dead_letters import DeadLetter, letter_about
from actors.envelope import Envelope
from actors.errand_runs import ErrandRuns
from actors.errands import PushToInstance
from actors.errors import AlreadyReceived, Fenced, StoreUnavailable
from actors.hosted_shards import HostedShards
from actors.intake import Intake
from actors.mending import Mending
from actors.messages.answers import Refused
from actors.messages.runtime import Sounding, TimePassed
from actors.outbox import Outbox
from actors.shard import Shard
from actors.store import Store, Transaction
from actors.tenure import Tenure
from actors.turn import Poisoned, Turn
from actors.vitals import Vitals
from actors.ways import ANYBODY, Ways

log = structlog.get_logger(__name__)

T = TypeVar("T")

POISON_PAUSE_S = 60.0
"""Pause before an actor that failed at a deadline of its own is woken again (s)."""


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """`shards` per kind; `hand_over`: local messages spare the broker; limits as in `Settings`.

    `outlives_fence`: a shard that another process has taken is dropped; else the process ends, because nobody should
    have been able to take it.
    """

    shards: int
    hand_over: bool = True
    announces: bool = False
    turn_messages: int = 256
    snapshot_every: int = 20_000
    outlives_fence: bool = False


class Runtime:
    """Hosts shards and runs their turns.

    Shards come and go between turns only: whoever hosts or unhosts holds `between_turns`. `fenced_writes` counts the
    transactions that the store refused because another process has taken a shard.

    While `hold_pushes` is set nothing is given to instances: a push that is held back (`pushes_held` counts
    them) is under way as far as its dispatcher knows, and is asked for again after the next start.
    """

    def __init__(
        self,
        store: Store,
        courier: Courier,
        outbox: Outbox,
        settings: RuntimeSettings,
        tenure: Tenure,
        answer: Callable[[Envelope], None] = lambda _: None,
        asked_here: Collection[Address] = (),
        clock: Callable[[], float] = time.time,
        on_loss: Callable[[Collection[str]], None] = lambda _: None,
        vitals: Vitals | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.arrivals = Arrivals()
        self.between_turns = asyncio.Lock()
        self.fenced_writes = 0
        self.hold_pushes = False
        self.pushes_held = 0
        self._store = store
        self._outbox = outbox
        self._settings = settings
        self._tenure = tenure
        self._on_loss = on_loss
        self._answer = answer
        self._asked_here = asked_here
        self._clock = clock
        self._chance = chance
        self.shards = HostedShards(settings.shards)
        self._ways = Ways()
        self._vitals = vitals or Vitals()
        self._intake = Intake(self.shards.find, store, self._vitals)
        self._errands = ErrandRuns(courier, self.arrivals.add_outcome)
        self._mending = Mending(store, self.shards, self._vitals, chance)
        self._dead: dict[str, DeadLetter] = {}
        self._stopping = False

    def unhost(self, names: Collection[str]) -> list[Shard]:
        """Run these no longer: what waits for them is let go of, their errands are abandoned. Returns them as they are.

        What was delivered is neither settled nor put back: its queue gets it back when it is received no more.
        """
        gone = self.shards.remove(names)
        self.arrivals.sift(self._has_a_home)
        self._errands.abandon(names)
        self._outbox.drop(names)
        self._ways.forget(names)
        return gone

    def host(self, shards: Sequence[Shard], *, is_alone: bool = False) -> None:
        """Run these from now on, with what is in the outbox already to be sent before what they say.

        `is_alone`: nothing can be on its way to or from them that this process has not sent.
        """
        for shard in shards:
            self.shards.add(shard)
        if is_alone or not self._settings.hand_over:
            return
        for shard in self.shards:
            sounding = Envelope(shard.next_message_id(), somewhere_in(shard.name, self._settings.shards), Sounding())
            self._ways.went(ANYBODY, shard.name, sounding.id)
            self._outbox.add("", [sounding])

    def hosts(self, address: Address) -> bool:
        """Whether the actor lives in this process."""
        return self.shards.find(address) is not None

    async def run(self) -> None:
        """Turn after turn, until `stop`. Raises Fenced where another process has taken a shard that none should."""
        while not self._stopping:
            await self.arrivals.wait(self._pause())
            async with self.between_turns:
                if self._tenure.is_good:
                    await self._take_turn()
                    continue
            log.warning("the lease has run out; nothing is decided until it is renewed")
            await self._tenure.regained()
            self.arrivals.wake()  # for what has come meanwhile

    async def _take_turn(self) -> None:
        taken = self.arrivals.take(self._settings.turn_messages)
        reach("turn.taken")
        try:
            await self._run_turn([delivery for delivery in taken if self._has_a_home(delivery)])
        except BaseException:
            for delivery in taken:
                delivery.put_back()
            raise

    def stop(self) -> None:
        """Let `run` return after the current turn."""
        self._stopping = True
        self.arrivals.wake()

    async def abandon_errands(self) -> None:
        """Leave errands where they are: their actors ask for them again on `Resumed`."""
        await self._errands.abandon_all()

    async def keep_snapshots(self, shards: Iterable[Shard]) -> None:
        """Save the state of these, which run no longer, and what the outbox knows to be sent. Raises Fenced."""
        sent = self._outbox.take_sent()
        try:
            await self._store.commit(Transaction(sent=sent))
        except StoreUnavailable:
            self._outbox.put_back_sent(sent)
            raise
        for shard in shards:
            if shard.has_unsaved_history:
                await self._store.save_snapshot(shard.lease, shard.take_snapshot())

    async def _run_turn(self, deliveries: list[Delivery]) -> None:
        turn = Turn(
            self.shards.find,
            self._clock(),
            hand_over=self._settings.hand_over,
            message_limit=4 * self._settings.turn_messages,
            asked_here=self._asked_here,
            announces=self._settings.announces,
            chance=self._chance,
            ways=self._ways,
        )
        try:
            await self._decide(turn, deliveries)
            await self._commit(turn, deliveries)
        except Poisoned as poisoned:
            self._set_aside(poisoned)
            await self._start_over(turn, deliveries)
        except AlreadyReceived as repeats:
            self._intake.remember(repeats.ids)
            await self._start_over(turn, deliveries)
        except StoreUnavailable as error:
            await self._mending.pause(error)
            await self._mending.rebuild(turn.touched)
            if await self._mending.was_written(turn.transaction):
                self._mending.is_mended()
                self._intake.remember(turn.transaction.inbox)
                self._let_go(turn, deliveries)
            else:
                self._take_again(turn, deliveries)
        except Fenced as fenced:
            self._mending.is_mended()
            self._drop(fenced)
            await self._start_over(turn, deliveries)
        else:
            self._mending.is_mended()
            self._let_go(turn, deliveries)
            await self._snapshot(turn)

    def _drop(self, fenced: Fenced) -> None:
        """Another process has these shards. Raises what it was given where that cannot be."""
        self.fenced_writes += 1
        if not self._settings.outlives_fence:
            raise fenced
        log.warning("another process has taken shards", shards=sorted(fenced.shards))
        self.unhost(fenced.shards)
        self._on_loss(fenced.shards)

    async def _decide(self, turn: Turn, deliveries: list[Delivery]) -> None:
        fresh = self._intake.fresh(deliveries)
        recalled = await self._intake.recall(fresh)
        for envelope in fresh:
            turn.handle(envelope, recalled)
        turn.plan_wakeups()
        for shard in self.shards:
            for key in shard.wakeups.due_by(turn.now):
                turn.wake(shard, key)

    async def _commit(self, turn: Turn, deliveries: list[Delivery]) -> None:
        turn.transaction.inbox = self._intake.to_remember(deliveries)
        turn.close()
        turn.transaction.sent = self._outbox.take_sent()
        turn.transaction.dead = list(self._dead.values())
        turn.transaction.replayed = self._intake.replayed(deliveries)
        if turn.transaction.sent:
            reach("mark.before")
        if turn.changes_anything:
            reach("commit.before")
            await self._store.commit(turn.transaction)
            reach("commit.after")
        if turn.transaction.sent:
            reach("mark.after")
        self._dead.clear()
        self._intake.remember(turn.transaction.inbox)

    def _let_go(self, turn: Turn, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            delivery.settle()
        self._ways.came(envelope.id for delivery in deliveries for envelope in delivery.envelopes)
        if deliveries:
            reach("settle.after")
        for detour in turn.detours:
            self._ways.went(*detour)
        for warning in turn.warnings:
            log.warning(warning.event, **dict(warning.details))
        for reply in turn.replies:
            reach("reply.before")
            self._answer(reply)
            reach("reply.after")
        for outgoing in turn.outgoing.values():
            self._outbox.add(outgoing.row_id, outgoing.parcels, outgoing.shard)
        if turn.unstored:
            self._outbox.add("", turn.unstored)
        for sent in turn.errands:
            if self.hold_pushes and isinstance(sent.errand, PushToInstance):
                self.pushes_held += 1
                continue
            self._errands.begin(sent, shard_of(sent.sender, self._settings.shards))
        for note in turn.put_off:
            self.arrivals.add_local([note])

    async def _snapshot(self, turn: Turn) -> None:
        for shard in turn.touched.values():
            if shard.snapshot_is_due(self._settings.snapshot_every):
                reach("snapshot.before")
                try:
                    await self._store.save_snapshot(shard.lease, shard.take_snapshot())
                    reach("snapshot.after")
                except StoreUnavailable as error:
                    log.warning("no snapshot this time; the journal has everything", reason=str(error))
                except Fenced as fenced:
                    self._drop(fenced)

    def _set_aside(self, poisoned: Poisoned) -> None:
        """An actor failed: what began it is not decided again, and is kept with the dead letters."""
        root, failed = poisoned.root, poisoned.failed
        reason = f"{failed.to.kind} failed at {type(failed.message).__name__}: {poisoned.__cause__!r}"
        log.error("an actor failed at a message; it is set aside", id=root.id, reason=reason, exc_info=poisoned)
        self._intake.set_aside(root.id)
        if isinstance(root.message, TimePassed):
            self._mending.let_sleep(root.to, self._clock() + POISON_PAUSE_S)
        else:
            self._dead[root.id] = letter_about(root, self._clock(), reason)
        if root.reply_to is not None:
            refusal = Refused("invalid", "the service failed at this request; its log says why")
            self._answer(Envelope(root.reply_to.correlation, root.reply_to.to, refusal))

    async def _start_over(self, turn: Turn, deliveries: Sequence[Delivery]) -> None:
        """What is in memory may be ahead of the store: rebuild it, and take the messages again, before newer ones."""
        await self._mending.rebuild(turn.touched)
        self._take_again(turn, deliveries)

    def _take_again(self, turn: Turn, deliveries: Sequence[Delivery]) -> None:
        self._outbox.put_back_sent(turn.transaction.sent)
        self.arrivals.put_first(deliveries)

    def _has_a_home(self, delivery: Delivery) -> bool:
        """Whether it is for a shard that runs here: all of a delivery is for one. What was asked within the process
        follows the shard to where it lives now."""
        if not delivery.envelopes or not self.shards.is_elsewhere(delivery.envelopes[0].to):
            return True
        if isinstance(delivery, LocalDelivery):
            for envelope in delivery.envelopes:
                if envelope.reply_to is not None:
                    self._outbox.add("", [envelope])
        return False

    def _pause(self) -> float | None:
        due = self.shards.earliest_wakeup()
        return None if due is None else max(0.0, due - self._clock())
