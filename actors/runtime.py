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

import structlog

from actors.addresses import Address, shard_of
from actors.arrivals import Arrivals
from actors.broker import Delivery
from actors.courier import Courier
from actors.doubt import was_written
from actors.envelope import Envelope
from actors.errands import PushToInstance
from actors.errors import AlreadyReceived, StoreUnavailable
from actors.intake import Intake
from actors.messages.answers import Refused
from actors.messages.runtime import TimePassed
from actors.outbox import Outbox
from actors.shard import Shard
from actors.store import Store, Transaction
from actors.turn import Poisoned, SentErrand, Turn

log = structlog.get_logger(__name__)

PAUSE_S = 0.2
"""Pause before the store is tried again (s)."""

POISON_PAUSE_S = 60.0
"""Pause before an actor that failed at a deadline of its own is woken again (s)."""


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """`shards` per kind; `hand_over`: local messages spare the broker; limits as in `Settings`."""

    shards: int
    hand_over: bool = True
    announces: bool = False
    turn_messages: int = 256
    snapshot_every: int = 20_000


class Runtime:
    """Hosts shards and runs their turns.

    While `hold_pushes` is set nothing is given to instances: a push that is held back (`pushes_held` counts
    them) is under way as far as its dispatcher knows, and is asked for again after the next start.
    """

    def __init__(
        self,
        store: Store,
        courier: Courier,
        outbox: Outbox,
        settings: RuntimeSettings,
        answer: Callable[[Envelope], None] = lambda _: None,
        asked_here: Collection[Address] = (),
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.arrivals = Arrivals()
        self.hold_pushes = False
        self.pushes_held = 0
        self._store = store
        self._courier = courier
        self._outbox = outbox
        self._settings = settings
        self._answer = answer
        self._asked_here = asked_here
        self._clock = clock
        self._chance = chance
        self._shards: dict[str, Shard] = {}
        self._homes: dict[Address, Shard] = {}
        self._intake = Intake(self._find_shard, store)
        self._errands: dict[asyncio.Task[None], None] = {}
        self._sleep_in: dict[Address, float] = {}
        self._stopping = False

    def host(self, shard: Shard) -> None:
        """Run this shard from now on."""
        self._shards[shard.name] = shard
        self._homes.clear()

    def hosts(self, address: Address) -> bool:
        """Whether the actor lives in this process."""
        return self._find_shard(address) is not None

    async def run(self) -> None:
        """Turn after turn, until `stop`. Raises Fenced where another process has taken a shard."""
        while not self._stopping:
            await self.arrivals.wait(self._pause())
            deliveries = self.arrivals.take(self._settings.turn_messages)
            try:
                await self._run_turn(deliveries)
            except BaseException:
                for delivery in deliveries:
                    delivery.put_back()
                raise

    def stop(self) -> None:
        """Let `run` return after the current turn."""
        self._stopping = True
        self.arrivals.wake()

    async def abandon_errands(self) -> None:
        """Leave errands where they are: their actors ask for them again on `Resumed`."""
        for errand in self._errands:
            errand.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)

    async def keep_snapshots(self) -> None:
        """Save every shard's state and what the outbox knows to be sent. For a stopped runtime."""
        await self._store.commit(Transaction(sent=self._outbox.take_sent()))
        for shard in self._shards.values():
            if shard.has_unsaved_history:
                await self._store.save_snapshot(shard.lease, shard.take_snapshot())

    async def _run_turn(self, deliveries: list[Delivery]) -> None:
        turn = Turn(
            self._find_shard,
            self._clock(),
            hand_over=self._settings.hand_over,
            message_limit=4 * self._settings.turn_messages,
            asked_here=self._asked_here,
            announces=self._settings.announces,
            chance=self._chance,
        )
        try:
            await self._decide(turn, deliveries)
            await self._commit(turn, deliveries)
        except Poisoned as poisoned:
            await self._start_over(turn, self._set_aside(poisoned, deliveries))
        except AlreadyReceived as repeats:
            self._intake.remember(repeats.ids)
            await self._start_over(turn, deliveries)
        except StoreUnavailable as error:
            log.error("the store cannot be used; trying again", reason=str(error))
            await asyncio.sleep(PAUSE_S)
            await self._start_over(turn, deliveries)
        else:
            self._let_go(turn, deliveries)
            await self._snapshot(turn)

    async def _decide(self, turn: Turn, deliveries: list[Delivery]) -> None:
        fresh = self._intake.fresh(deliveries)
        recalled = await self._intake.recall(fresh)
        for envelope in fresh:
            turn.handle(envelope, recalled)
        turn.plan_wakeups()
        for shard in self._shards.values():
            for key in shard.wakeups.due_by(turn.now):
                turn.wake(shard, key)

    async def _commit(self, turn: Turn, deliveries: list[Delivery]) -> None:
        turn.transaction.inbox = self._intake.to_remember(deliveries)
        turn.close()
        turn.transaction.sent = self._outbox.take_sent()
        if turn.changes_anything:
            await self._write(turn.transaction)
        self._intake.remember(turn.transaction.inbox)

    async def _write(self, transaction: Transaction) -> None:
        """Commit it. Raises StoreUnavailable where that failed and surely nothing was written."""
        try:
            await self._store.commit(transaction)
        except StoreUnavailable as error:
            log.error("a commit failed; looking whether it was made", reason=str(error))
            while True:
                await asyncio.sleep(PAUSE_S)
                try:
                    if await was_written(self._store, transaction):
                        return
                except StoreUnavailable as still:
                    log.error("the store cannot be read; trying again", reason=str(still))
                    continue
                raise

    def _let_go(self, turn: Turn, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            delivery.settle()
        for warning in turn.warnings:
            log.warning(warning.event, **dict(warning.details))
        for reply in turn.replies:
            self._answer(reply)
        for outgoing in turn.outgoing:
            self._outbox.add(outgoing.row_id, outgoing.parcel)
        for answer in turn.unstored:
            self._outbox.add("", answer)
        for sent in turn.errands:
            if self.hold_pushes and isinstance(sent.errand, PushToInstance):
                self.pushes_held += 1
                continue
            task = asyncio.create_task(self._run_errand(sent))
            self._errands[task] = None
            task.add_done_callback(self._errands.pop)
        if turn.put_off:
            self.arrivals.add_local(turn.put_off)

    async def _run_errand(self, sent: SentErrand) -> None:
        try:
            outcome = await self._courier.run(sent.errand)
        except Exception:
            # The actor's own deadline for the task is what ends this; a courier is not expected to raise.
            log.exception("an errand failed unexpectedly", errand=type(sent.errand).__name__)
            return
        if outcome is not None:
            self.arrivals.add_outcome(Envelope(sent.outcome_id, sent.sender, outcome))

    async def _snapshot(self, turn: Turn) -> None:
        for shard in turn.touched.values():
            if shard.snapshot_is_due(self._settings.snapshot_every):
                try:
                    await self._store.save_snapshot(shard.lease, shard.take_snapshot())
                except StoreUnavailable as error:
                    log.warning("no snapshot this time; the journal has everything", reason=str(error))

    def _set_aside(self, poisoned: Poisoned, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """An actor failed: what began it is never tried again; the deliveries that are."""
        root, failed = poisoned.root, poisoned.failed
        reason = f"{failed.to.kind} failed at {type(failed.message).__name__}: {poisoned.__cause__!r}"
        log.error("an actor failed at a message; it is set aside", id=root.id, reason=reason, exc_info=poisoned)
        self._intake.set_aside(root.id)
        if isinstance(root.message, TimePassed):
            self._sleep_in[root.to] = self._clock() + POISON_PAUSE_S
        if root.reply_to is not None:
            refusal = Refused("invalid", "the service failed at this request; its log says why")
            self._answer(Envelope(root.reply_to.correlation, root.reply_to.to, refusal))
        alone = [d for d in deliveries if [envelope.id for envelope in d.envelopes] == [root.id]]
        for delivery in alone:
            delivery.reject(reason)
        return [delivery for delivery in deliveries if delivery not in alone]

    async def _start_over(self, turn: Turn, deliveries: Sequence[Delivery]) -> None:
        """What is in memory may be ahead of the store: rebuild it, and take the messages again, before newer ones."""
        self._outbox.put_back_sent(turn.transaction.sent)
        for name in list(turn.touched):
            await self._rebuild(name)
        self.arrivals.put_first(deliveries)

    async def _rebuild(self, name: str) -> None:
        while True:
            shard = self._shards[name].reborn()
            try:
                await shard.load(self._store)
            except StoreUnavailable as error:
                log.error("the store cannot be read; trying again", reason=str(error))
                await asyncio.sleep(PAUSE_S)
                continue
            self.host(shard)
            for address, until in self._sleep_in.items():
                if self._find_shard(address) is shard:
                    shard.wakeups.set(address.key, until)
            return

    def _find_shard(self, address: Address) -> Shard | None:
        shard = self._homes.get(address)
        if shard is None:
            if address.kind not in ("scheduler", "agent", "dispatcher"):
                return None
            shard = self._shards.get(shard_of(address, self._settings.shards))
            if shard is not None:
                self._homes[address] = shard
        return shard

    def _pause(self) -> float | None:
        dues = [due for shard in self._shards.values() if (due := shard.wakeups.earliest()) is not None]
        return max(0.0, min(dues) - self._clock()) if dues else None
