"""One run: everything is set up, things go wrong for a while, then all is healed and must come to rest."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from random import Random
from typing import Any

from actors.addresses import SCHEDULER, all_shards
from actors.envelope import Envelope
from actors.messages.agent import TaskEnded
from actors.messages.scheduler import DescribeQueues
from actors.stores.sqlite import reads
from actors.task_lifecycle import TERMINAL, TaskState
from tests.deterministic.broker import Cluster
from tests.deterministic.clients import Clients
from tests.deterministic.instances import Fleet
from tests.deterministic.logs import heard
from tests.deterministic.node import SHARDS, SLOTS_OF, Site
from tests.deterministic.plan import CHAOS_S, Operation, Outage, Plan, Poison, Strike
from tests.deterministic.process import Killed
from tests.deterministic.processes import Processes
from tests.deterministic.rest import check_rest
from tests.deterministic.runs import Run
from tests.deterministic.store import Database
from tests.deterministic.virtual_loop import Stuck, VirtualLoop
from tests.deterministic.watch import Watch
from tests.deterministic.weather import Spell, Weather

START = 1000.0
PATIENCE_S = 400.0
"""How long everything may take to come to rest after it was healed (virtual s)."""

LOOK_S = 1.0
QUIET_LOOKS = 3
"""How often in a row there must be nothing left to do."""


@dataclass(slots=True)
class Outcome:
    """What a run came to: `wrong` is the first promise that it broke, "" for none; `trace` tells runs apart."""

    seed: int
    wrong: str
    trace: str
    seconds: float
    tasks: int
    faults: Counter[str] = field(default_factory=Counter)
    stories: list[str] = field(default_factory=list)


class World:
    """Everything of one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = VirtualLoop(START)  # type: ignore[abstract]  # the rest of a loop is sockets and threads
        self.wrong = ""
        self.loop.on_failure = self._step_failed
        seed, layout = plan.seed, plan.layout
        self.watch = Watch(self.fail, lambda agent_id: SLOTS_OF.get(agent_id, 1))
        spells = [item for item in plan.items if isinstance(item, Spell)]
        spells = [Spell(s.kind, START + s.since, START + s.until, s.rate) for s in spells]
        self.weather = Weather(spells, Random(f"weather/{seed}"), layout.latency)
        self.database = Database(self.loop.time)
        self.database.on_commit = self._committed
        self.watch.entries = self.database.live_entries
        self.watch.epochs = self.database.epochs
        self.watch.result = self._result
        self.cluster = Cluster(self.loop, self.weather, Random(f"broker/{seed}"), self.watch, SHARDS)
        operations = [item for item in plan.items if isinstance(item, Operation)]
        conducts = {o.message.spec.task_id: o.conducts for o in operations if o.conducts}  # type: ignore[union-attr]
        chance = Random(f"instances/{seed}")
        self.fleet = Fleet(list(layout.ports), self.loop, conducts, chance, self._report, self.watch.pushed)
        site = Site(
            self.database,
            self.cluster,
            self.fleet,
            seed,
            layout.hand_over,
            layout.announces,
            layout.clock_stops,
            self._process_failed,
        )
        self.processes = Processes(site, layout, conducts, Random(f"processes/{seed}"))
        self.clients = Clients(self.loop, self.processes, self.database, Random(f"clients/{seed}"), self.fail)
        self.poisoned = 0
        self._trace = blake2b(digest_size=12)

    def run(self) -> Outcome:
        """From the start to the rest, or to the first broken promise."""
        with heard(self.fail):
            try:
                self.loop.run(self._run())
            except Stuck:
                self.fail("nobody waits for anything any more")
            except AssertionError as error:
                self.fail(f"{error}")
        finished, steps = self.loop.time(), self.loop.steps
        self.processes.end()
        self.loop.close()
        self._trace.update(f"{finished} {steps} {self.wrong}".encode())
        faults = self.weather.happened + self.processes.happened + self.clients.happened
        faults["writes fenced"] = self.database.fenced
        faults["repeats known by the inbox"] = self.database.repeats
        faults["messages delivered again"] = self.cluster.redelivered
        return Outcome(
            self.plan.seed,
            self.wrong,
            self._trace.hexdigest(),
            finished - START,
            len(self.watch.tasks),
            +faults,
        )

    def fail(self, what: str) -> None:
        """A promise is broken: the first counts."""
        if not self.wrong:
            self.wrong = f"at {self.loop.time() - START:.3f} s: {what}"
            self.loop.halt()

    async def _run(self) -> None:
        for name in all_shards(SHARDS):
            self.cluster.declare(f"swarm.{name}")
        self.processes.start()
        self.loop.later(CHAOS_S + PATIENCE_S + 60.0, self.fail, "the processes have not come to an end")
        for item in self.plan.items:
            if not isinstance(item, Spell):
                self.loop.later(item.at, self._happen, item)
        await asyncio.sleep(CHAOS_S)
        self.weather.is_over = True
        self.processes.heal()
        await self._hear_clients_out()
        self.clients.furnish([o for o in self.plan.items if isinstance(o, Operation) and o.at == 0.0])
        self.processes.furnish()
        await self._come_to_rest()
        await self.clients.ask(DescribeQueues())
        await self.processes.stop()
        await check_rest(self)

    def _happen(self, item: Operation | Poison | Strike | Outage) -> None:
        match item:
            case Operation():
                self.clients.begin(item)
            case Poison():
                self.poisoned += 1
                envelope = Envelope(f"poison:{item.number}", SCHEDULER, TaskEnded("nobody", 1, "nowhere", 0.0, b"{}"))
                self.watch.set_aside.add(envelope.id)
                self.cluster.put("swarm.scheduler", [envelope])
            case Strike():
                self.processes.strike(item)
            case Outage() if isinstance(item.who, int):
                self.processes.happened[f"instance: {item.how}"] += 1
                strike = self.fleet.die if item.how == "die" else self.fleet.freeze
                strike(item.who, item.for_s)
            case Outage():
                self.processes.strike_worker(item)

    async def _hear_clients_out(self) -> None:
        """Some shut agents down and remove instances, until they are answered."""
        for _ in range(int(PATIENCE_S / LOOK_S)):
            if not self.clients.waiting:
                return
            await asyncio.sleep(LOOK_S)

    async def _come_to_rest(self) -> None:
        give_up_at = self.loop.time() + PATIENCE_S
        quiet = 0
        while quiet < QUIET_LOOKS:
            left = self._left()
            quiet = 0 if left else quiet + 1
            if self.loop.time() > give_up_at:
                self.fail(f"no rest after {PATIENCE_S:g} s: {left}")
                return
            await asyncio.sleep(LOOK_S)

    def _left(self) -> str:
        """What is still to come."""
        if self.clients.waiting:
            return f"clients wait for {self.clients.waiting}"
        unfinished = self.database.run(reads.newest_tasks, None, set(TaskState) - TERMINAL, 1000)
        if unfinished:
            return ", ".join(sorted(f"{row.task_id} is {row.state}" for row in unfinished))
        open_tasks = sorted(task_id for task_id, known in self.watch.tasks.items() if not known.is_closed)
        if open_tasks:
            return f"the scheduler has not heard of the end of {open_tasks}"
        full = sorted(name for name, queue in self.cluster.queues.items() if not queue.is_quiet)
        if full:
            return f"something is in {full}"
        outbox = self.database.run(reads.outbox, all_shards(SHARDS))
        unsent = [row.id for row in outbox if not self.watch.has_reached_all(row.id)]
        return f"in outboxes {unsent}" if unsent else ""

    def _committed(self, work: Any) -> None:
        for append in work.appends:
            for entry in append.entries:
                self._trace.update(f"{append.shard}{append.epoch}.{entry.seq}{entry.at}{entry.cause}".encode())
                self._trace.update(entry.body)
        self.watch.committed(work)

    def _result(self, task_id: str) -> bytes:
        kept = self.database.run(reads.payload, task_id, "result")
        return b"{}" if kept is None else kept.body

    async def _report(self, run: Run) -> bool:
        return await self.clients.report(run)

    def _step_failed(self, error: BaseException) -> None:
        if not isinstance(error, Killed):
            self.fail(f"a part of the simulation failed: {error!r}")

    def _process_failed(self, name: str, error: BaseException) -> None:
        self.fail(f"process {name} ended by {error!r}")
