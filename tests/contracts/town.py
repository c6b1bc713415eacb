"""Several processes of the service in one: each its own supervisor, over one store in memory and one local broker.

Nobody looks after shards unless a test says so, and leases go by clocks that stand still until they are moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from actors.addresses import (
    SCHEDULER,
    Address,
    ReturnAddress,
    all_shards,
    dispatcher,
    kind_of_shard,
    queue_of,
    shard_of,
)
from actors.broker import Delivery
from actors.brokers.local import LocalBroker
from actors.courier import InstanceReport
from actors.envelope import Envelope
from actors.errands import Errand, ProbeInstance, PushToInstance
from actors.errors import StoreUnavailable
from actors.leases import Member, Membership
from actors.messages import Answer, Message
from actors.messages.answers import QueuesDescribed
from actors.messages.dispatcher import ProbeAnswered, PushAnswered, Report
from actors.messages.scheduler import DescribeQueues
from actors.runtime import RuntimeSettings
from actors.store import Snapshot, Transaction
from actors.stores.sqlite import SqliteStore
from actors.supervisor import Supervisor
from actors.task_lifecycle import TERMINAL, TaskState
from actors.tenure import LeaseSettings
from actors.vitals import Vitals
from tests.properties.one_process import BEHAVIOURS

SHARDS = 4
TTL_S = 5.0
DEADLINE_S = 20.0


class Willing:
    """A courier to instances that take everything and report when the test does it for them."""

    async def open(self) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        """Nothing is under way."""

    async def run(self, errand: Errand) -> Message | None:
        """Taken, alive."""
        match errand:
            case PushToInstance():
                return PushAnswered(errand.task_id, errand.attempt, "accepted", resumption=errand.resumption)
            case ProbeInstance():
                return ProbeAnswered(alive=True)
            case _:
                return None

    async def discover(self, host: str, port: int) -> InstanceReport:
        """Nobody asks."""
        raise NotImplementedError


@dataclass(slots=True)
class Asked:
    """A request, and its answer once there is one."""

    message: Message
    answer: Answer | None = None


class SlowStore(SqliteStore):
    """In memory. While it `dawdles`, a snapshot is read only once its members have been heard of three times more.

    While it is `away`, it commits nothing, and nobody can say that they live. With `forgets_commits` the next commit is
    made, and reported as failed.

    With `holds` each commit ends only once that is set; `committing` is set when it has begun.

    With `forgets` the next renewal lasts until it is cancelled, and forgets that it was, as `asyncio.wait_for` may
    before Python 3.12; the event is set when it has begun.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(None, clock=clock)
        self.dawdles = False
        self.away = ""
        self.forgets_commits = False
        self.forgets: asyncio.Event | None = None
        self.holds: asyncio.Event | None = None
        self.committing = asyncio.Event()
        self._renewed = asyncio.Condition()
        self._renewals = 0

    async def renew(self, member: Member, ttl: float) -> Membership:
        if self.away:
            raise StoreUnavailable(self.away)
        async with self._renewed:
            self._renewals += 1
            self._renewed.notify_all()
        if self.forgets is not None:
            self.forgets.set()
            self.forgets = None
            with suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
        return await super().renew(member, ttl)

    async def commit(self, transaction: Transaction) -> None:
        if self.holds is not None:
            self.committing.set()
            await self.holds.wait()
        if self.away:
            raise StoreUnavailable(self.away)
        await super().commit(transaction)
        if self.forgets_commits:
            self.forgets_commits = False
            raise StoreUnavailable("the connection broke")

    async def snapshot(self, shard: str) -> Snapshot | None:
        if self.dawdles:
            async with self._renewed:
                enough = self._renewals + 3
                await self._renewed.wait_for(lambda: self._renewals >= enough)
        return await super().snapshot(shard)


class House:
    """One process. `asleep`: how long it has been stopped as its own clock has it (s)."""

    def __init__(self, town: Town, kinds: Iterable[str], *, is_alone: bool = False, look_s: float = 3600.0) -> None:
        self._town = town
        self.asleep = 0.0
        self.broker = town.broker.beside()
        self.vitals = Vitals()
        names = [name for name in all_shards(SHARDS) if kind_of_shard(name) in set(kinds)]
        settings = RuntimeSettings(SHARDS, turn_messages=8, snapshot_every=100, outlives_fence=True)
        self.supervisor = Supervisor(
            town.store,
            self.broker,
            Willing(),
            BEHAVIOURS,
            names,
            settings,
            leases=LeaseSettings(TTL_S, look_s, is_alone),
            vitals=self.vitals,
            lease_clock=lambda: town.now - self.asleep,
        )

    @property
    def hosted(self) -> set[str]:
        """The shards that run here."""
        return set(self.supervisor.runtime.shards.names)

    async def start(self) -> House:
        """Begin."""
        await self.broker.open()
        await self.supervisor.start()
        return self

    async def look(self) -> None:
        """Look after the shards once."""
        await self.supervisor.look()

    async def stop(self) -> None:
        """End in good order."""
        await self.supervisor.stop(1.0)
        await self.broker.close()


@dataclass
class Town:
    """The store, the broker, the clock of leases, and a client that asks and reports."""

    now: float = 1000.0
    requests: list[Asked] = field(default_factory=list)
    broker: LocalBroker = field(default_factory=lambda: LocalBroker(shards=SHARDS, keeps=True))
    houses: list[House] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = SlowStore(lambda: self.now)
        self._address = Address("gateway", "test")
        self._asked: dict[str, Asked] = {}
        self._dead: list[House] = []
        self._reports = 0

    async def __aenter__(self) -> Town:
        await self.store.open()
        await self.broker.open()
        await self.broker.receive(f"swarm.gateway.{self._address.key}", self._hear, temporary=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        for house in (*self.houses, *self._dead):
            await house.stop()
        await self.store.close()

    async def start(self, *kinds: str) -> House:
        """One more process, which hosts these kinds; all where none is named."""
        house = await House(self, kinds or ("scheduler", "agent", "dispatcher")).start()
        self.houses.append(house)
        return house

    async def end(self, house: House) -> None:
        """Stop a process in good order."""
        self.houses.remove(house)
        await house.stop()

    async def die(self, house: House) -> None:
        """A process is no more, as store and broker see it."""
        await self.store.leave(house.supervisor.tenure.member.id)
        await house.broker.close()
        self.houses.remove(house)
        self._dead.append(house)

    def waits_for(self, to: Address, kind: type[Message]) -> bool:
        """Whether such a message lies in the queue of this actor, with nobody to take it."""
        queue = self.broker._queues[queue_of(to, SHARDS)]
        return any(isinstance(e.message, kind) for parcels in queue.waiting for e in parcels.envelopes)

    async def kinds_until(self, of: Address, last: str) -> list[str]:
        """What has happened in the shard of this actor, once such a thing has."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                kinds = [entry.kind async for entry in self.store.journal(shard_of(of, SHARDS), 0)]
                if last in kinds:
                    return kinds
                await asyncio.sleep(0.002)

    async def ask(self, to: Address, message: Message) -> Asked:
        """Ask over the broker, without waiting for the answer."""
        envelope = self.question(to, message)
        await self.broker.publish([envelope])
        return self._asked[envelope.id]

    def question(self, to: Address, message: Message) -> Envelope:
        """The same, to be brought to the actor in another way."""
        self.requests.append(asked := Asked(message))
        correlation = f"ask-{len(self.requests)}"
        self._asked[correlation] = asked
        return Envelope(correlation, to, message, ReturnAddress(self._address, correlation))

    def pass_time(self, seconds: float, *frozen: House) -> None:
        """Time passes; these do not notice."""
        self.now += seconds
        for house in frozen:
            house.asleep += seconds

    async def answered(self, *asked: Asked) -> None:
        """Wait until these have their answers."""
        await self.until(lambda: all(each.answer is not None for each in asked or self.requests))

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until this is true."""
        async with asyncio.timeout(DEADLINE_S):
            while not is_so():  # noqa: ASYNC110  (any of many things)
                await asyncio.sleep(0.002)

    async def report_what_runs(self) -> int:
        """Report, for the instances, every task that runs; how many have not ended."""
        open_tasks = await self.store.tasks(states=set(TaskState) - TERMINAL, limit=10_000)
        for row in open_tasks:
            if row.state is not TaskState.QUEUED:
                done = Report(row.task_id, row.attempt, row.agent_id, "", 1.0, b"{}")
                self._reports += 1
                envelope = Envelope(f"report-{self._reports}", dispatcher(row.scheduled_ti), done)
                await self.broker.publish([envelope])
        return len(open_tasks)

    async def all_ended(self) -> None:
        """Report until every task has ended, and all know it."""
        async with asyncio.timeout(DEADLINE_S):
            while await self.report_what_runs() or not await self._is_quiet():  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def _is_quiet(self) -> bool:
        """Whether the scheduler has heard of every end."""
        asked = await self.ask(SCHEDULER, DescribeQueues())
        await self.answered(asked)
        assert isinstance(asked.answer, QueuesDescribed)
        return asked.answer.waiting_total + asked.answer.running_total == 0

    def _hear(self, delivery: Delivery) -> None:
        for envelope in delivery.envelopes:
            if (asked := self._asked.get(envelope.id)) is not None:
                asked.answer = envelope.message  # type: ignore[assignment]
        delivery.settle()
