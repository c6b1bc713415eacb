"""One process of the service after another on the same store, broker and instances, each killed or left in peace.

A process here is the real supervisor with the real actors, and a gateway in small: clients repeat a request until it
is answered, instances a report. Time is virtual: it passes when nothing else can happen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from actors.addresses import SCHEDULER, ActorKind, Address, ReturnAddress, all_shards, dispatcher
from actors.agent import AgentPolicy, agent_behaviour
from actors.behaviour import AnyBehaviour
from actors.broker import Delivery
from actors.brokers.local import LocalBroker
from actors.dispatcher import DispatcherPolicy, dispatcher_behaviour
from actors.envelope import Envelope
from actors.messages import Answer, Message
from actors.messages.answers import TaskAccepted
from actors.messages.dispatcher import Report, ReportYield
from actors.messages.scheduler import DescribeQueues
from actors.runtime import RuntimeSettings
from actors.scheduler import PreemptionRules, SchedulerPolicy, scheduler_behaviour
from actors.store import TaskRow
from actors.stores.sqlite import SqliteStore
from actors.supervisor import Supervisor
from actors.task_lifecycle import TERMINAL, TaskState
from tests.properties import record
from tests.properties.crashing import (
    CrashingBroker,
    CrashingCourier,
    CrashingStore,
    Fuse,
    Killed,
    crashing_answer,
    crashing_clock,
)
from tests.properties.fake_instances import Completion, FakeInstances
from tests.verifying import must_be_sound

SHARDS = 2
STEP_S = 2.5
PATIENCE_S = 400.0
ROUNDS_OF_NOTHING = 12
"""Rounds of the event loop without a moment, after which nothing more happens by itself."""
HAIR_S = 0.05
"""A deadline as near as this is waited for: the runtime sleeps until then in real time, which moves no deadline nearer,
and would look again and again."""

BEHAVIOURS: Mapping[ActorKind, AnyBehaviour] = {
    "scheduler": scheduler_behaviour(SchedulerPolicy(preemption=PreemptionRules(limit=2, min_run_s=1.0))),
    "agent": agent_behaviour(
        AgentPolicy(max_attempts=3, retry_delay_s=0.5, run_timeout_s=10.0, preempt_grace_s=4.0, terminate_grace_s=1.0)
    ),
    "dispatcher": dispatcher_behaviour(DispatcherPolicy(push_retries=2, probe_interval_s=5.0, silence_s=10.0)),
}


SETTINGS = RuntimeSettings(SHARDS, turn_messages=8, snapshot_every=15)


@dataclass(slots=True)
class Request:
    """What a client wants of the scheduler, until it has an answer."""

    message: Message
    answer: Answer | None = None


@dataclass(slots=True)
class World:
    """What outlives a process. `plan`: the requests that clients come up with, stage by stage. `rows`: the tasks, in
    the end."""

    instances: FakeInstances
    plan: list[list[Message]]
    path: Path
    hand_over: bool
    seed: int
    requests: list[Request] = field(default_factory=list)
    rows: list[TaskRow] = field(default_factory=list)
    broker: LocalBroker = field(default_factory=lambda: LocalBroker(shards=SHARDS, keeps=True))
    lives: int = 0

    def run(self, kills: Sequence[int] = (), stumble: int | None = None, after_writing: bool = False) -> list[Fuse]:
        """One process after another, each killed at that moment of its life, and a last one that is not; then
        everything is checked. Returns what each went through. `stumble` and `after_writing`: see Fuse."""
        return asyncio.run(self._run([Fuse(at, stumble, after_writing) for at in (*kills, None)]))

    async def _run(self, fuses: list[Fuse]) -> list[Fuse]:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        await self.broker.open()
        for number, fuse in enumerate(fuses):
            self.lives += 1
            if await Life(self, fuse, Random(f"{self.seed}/{number}")).live():
                break
        store = SqliteStore(self.path)
        await store.open()
        try:
            self.rows = await record.check(store, BEHAVIOURS, SHARDS, self.requests)
        finally:
            await store.close()
        accepted = [r.answer.task_id for r in self.requests if isinstance(r.answer, TaskAccepted)]
        await must_be_sound(self.path, BEHAVIOURS, acknowledged=accepted)
        assert not self.instances.wrong, self.instances.wrong
        return fuses[: self.lives]


class Life:
    """One process, from its start to its death or its end in peace."""

    def __init__(self, world: World, fuse: Fuse, chance: Random) -> None:
        self._world = world
        self._fuse = fuse
        self._chance = chance
        self._address = Address("gateway", f"life-{world.lives}")
        self._asked: dict[str, Request | Completion] = {}
        self._reported: dict[int, asyncio.Future[None]] = {}
        self._store = SqliteStore(world.path)
        self._broker = CrashingBroker(world.broker, fuse, chance)
        self._supervisor = Supervisor(
            CrashingStore(self._store, fuse),
            self._broker,
            CrashingCourier(world.instances, fuse),
            BEHAVIOURS,
            all_shards(SHARDS),
            replace(SETTINGS, hand_over=world.hand_over),
            answer=crashing_answer(self._hear, fuse),
            asked_here=(self._address,),
            clock=crashing_clock(lambda: world.instances.now, fuse),
        )

    async def live(self) -> bool:
        """Whether it came to its end in peace, everything done."""
        self._world.instances.report = self._report_and_wait
        self._world.instances.checkpoint = self._checkpoint
        await self._store.open()
        try:
            await self._start()
            await self._work()
            await self._stop()
            return True
        except Killed:
            return False
        finally:
            await self._die()

    async def _start(self) -> None:
        await self._supervisor.start()
        await self._broker.receive(f"swarm.gateway.{self._address.key}", self._receive, temporary=True)

    async def _work(self) -> None:
        watch = asyncio.create_task(self._supervisor.wait())
        give_up_at = self._world.instances.now + PATIENCE_S
        while True:
            await self._send_unanswered()
            await self._quiet()
            if watch.done() and not self._fuse.blown:
                raise AssertionError("the actors have stopped") from watch.exception()
            if self._fuse.blown:
                raise Killed
            if self._world.plan:
                self._world.requests += [Request(message) for message in self._world.plan.pop(0)]
            elif not await self._deliver_completions():
                if await self._all_is_done():
                    return
                unfinished = await self._unfinished()
                assert self._world.instances.now < give_up_at, f"no end in sight for {unfinished}"
                self._world.instances.pass_time(STEP_S)
                self._supervisor.runtime.arrivals.wake()

    async def _stop(self) -> None:
        stopping = asyncio.create_task(self._supervisor.stop(5.0))
        while not stopping.done():
            await self._quiet(stopping)
            if self._fuse.blown:
                raise Killed
        await stopping

    async def _die(self) -> None:
        """Whatever runs is gone with the process; its broker takes back what was not settled."""
        self._fuse.blown = True
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for name in (*all_shards(SHARDS), f"gateway.{self._address.key}"):
            try:
                await self._world.broker.stop_receiving(f"swarm.{name}")
            except KeyError:
                continue  # killed before it was declared
        await self._store.close()

    async def _quiet(self, ending: asyncio.Task[None] | None = None) -> None:
        """Return when nothing more happens unless time passes or somebody asks, or when `ending` has ended."""
        seen, idle = -1, 0
        while idle < ROUNDS_OF_NOTHING and not self._fuse.blown and not (ending and ending.done()):
            self._reach_near_deadline()
            waiting = self._fuse.waiting or self._fuse.pausing
            await asyncio.sleep(0.0002 if waiting else 0)
            moments = len(self._fuse.moments)
            idle = idle + 1 if moments == seen and not waiting else 0
            seen = moments

    def _reach_near_deadline(self) -> None:
        due, now = self._supervisor.runtime.shards.earliest_wakeup(), self._world.instances.now
        if due is not None and now < due <= now + HAIR_S:
            self._world.instances.pass_time(due - now)

    async def _send_unanswered(self) -> None:
        asked = [id(request) for request in self._asked.values()]
        for request in self._world.requests:
            if request.answer is None and id(request) not in asked:
                await self._post(SCHEDULER, request.message, request)

    async def _post(self, to: Address, message: Message, about: Request | Completion) -> None:
        correlation = f"{self._address.key}:{len(self._asked)}"
        self._asked[correlation] = about
        envelope = Envelope(correlation, to, message, ReturnAddress(self._address, correlation))
        if self._world.hand_over and to != SCHEDULER:
            self._supervisor.runtime.arrivals.add_local([envelope])
        else:
            await self._broker.publish([envelope])

    def _receive(self, delivery: Delivery) -> None:
        for envelope in delivery.envelopes:
            self._hear(envelope)
        delivery.settle()

    def _hear(self, envelope: Envelope) -> None:
        about = self._asked.get(envelope.id)
        if isinstance(about, Request):
            about.answer = about.answer or envelope.message  # type: ignore[assignment]
        elif about is not None:
            self._forget(about)

    async def _deliver_completions(self) -> bool:
        due = [c for c in self._world.instances.due() if id(c) not in {id(about) for about in self._asked.values()}]
        self._chance.shuffle(due)
        for completion in due:
            await self._report(completion)
        return bool(due)

    async def _report(self, completion: Completion) -> None:
        """As the gateway does it: by the task's row to the dispatcher of its instance."""
        row = await self._store.task(completion.task_id)
        assert row is not None, f"{completion.task_id} runs without a record"
        if row.state in TERMINAL:
            self._forget(completion)
            return
        run = (completion.task_id, completion.attempt)
        message: Message
        if completion.checkpoint is None:
            result = b'{"n":1}'
            message = Report(*run, row.agent_id, "", 5.0, result, completion.is_error, completion.resumption)
        else:
            message = ReportYield(*run, completion.resumption, row.agent_id, "", 1.0, completion.checkpoint)
        await self._post(dispatcher(completion.ti_uuid or row.scheduled_ti), message, completion)

    async def _checkpoint(self, task_id: str) -> bytes:
        kept = await self._store.payload(task_id, "checkpoint")
        return b"" if kept is None else kept.body

    async def _report_and_wait(self, completion: Completion) -> None:
        answered = self._reported[id(completion)] = asyncio.get_running_loop().create_future()
        await self._report(completion)
        await answered

    def _forget(self, completion: Completion) -> None:
        kept = [each for each in self._world.instances.completions if each is not completion]
        self._world.instances.completions = kept
        answered = self._reported.pop(id(completion), None)
        if answered is not None:
            answered.set_result(None)

    async def _all_is_done(self) -> bool:
        unanswered = any(request.answer is None for request in self._world.requests)
        if unanswered or self._world.instances.completions or await self._unfinished():
            return False
        if not isinstance(self._world.requests[-1].message, DescribeQueues):
            self._world.requests.append(Request(DescribeQueues()))
            return False
        return True

    async def _unfinished(self) -> list[TaskRow]:
        return await self._store.tasks(states=set(TaskState) - TERMINAL, limit=1000)
