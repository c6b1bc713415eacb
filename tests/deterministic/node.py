"""One process of the service: the real supervisor, runtime and couriers, and the part of the gateway that asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from actors.addresses import SCHEDULER, ActorKind, Address, dispatcher
from actors.agent import AgentPolicy, agent_behaviour
from actors.behaviour import AnyBehaviour
from actors.couriers.by_protocol import CourierByProtocol
from actors.couriers.worker import WorkerCourier
from actors.dispatcher import DispatcherPolicy, dispatcher_behaviour
from actors.envelope import Envelope
from actors.errors import BrokerUnavailable, StoreUnavailable
from actors.messages import Answer, Message
from actors.messages.answers import ReportAnswered
from actors.messages.dispatcher import Report, ReportYield
from actors.runtime import RuntimeSettings
from actors.scheduler import PreemptionRules, SchedulerPolicy, scheduler_behaviour
from actors.supervisor import Supervisor
from actors.task_lifecycle import TERMINAL
from actors.tenure import LeaseSettings
from gateway.asking import Asking
from tests.deterministic.broker import Cluster, Connection
from tests.deterministic.instances import Fleet, Roads
from tests.deterministic.process import Process
from tests.deterministic.runs import Run
from tests.deterministic.scrutiny import scrutinized
from tests.deterministic.store import Connection as Store
from tests.deterministic.store import Database

SHARDS = 2
MAX_ATTEMPTS = 3
SLOTS_OF = {"b": 2}
ASK_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 10.0

BEHAVIOURS: dict[ActorKind, AnyBehaviour] = {
    "scheduler": scrutinized(
        scheduler_behaviour(
            SchedulerPolicy(
                slots_of=SLOTS_OF,
                activity_per_agent=3,
                activity_total=4,
                preemption=PreemptionRules(limit=2, min_run_s=1.0),
            )
        )
    ),
    "agent": agent_behaviour(
        AgentPolicy(
            max_attempts=MAX_ATTEMPTS,
            retry_delay_s=0.5,
            run_timeout_s=10.0,
            preempt_grace_s=4.0,
            terminate_grace_s=1.0,
        )
    ),
    "dispatcher": dispatcher_behaviour(DispatcherPolicy(push_retries=2, probe_interval_s=5.0, silence_s=10.0)),
}

SETTINGS = RuntimeSettings(SHARDS, turn_messages=8, snapshot_every=40, outlives_fence=True)

LEASES = LeaseSettings(ttl_s=2.0, look_s=0.5)


@dataclass(frozen=True, slots=True)
class Site:
    """What all processes share. `clock_stops`: the clock of leases stands still in a process that does.

    `failed` hears of a process that ended for a reason that it should not have.
    """

    database: Database
    cluster: Cluster
    fleet: Fleet
    seed: int
    hand_over: bool
    announces: bool
    clock_stops: bool
    failed: Callable[[str, BaseException], None]


class Node:
    """A process that may host these shards; none: it only asks. `on_end` is called when it has ended by itself."""

    def __init__(self, site: Site, name: str, shards: Sequence[str], on_end: Callable[[Node], None]) -> None:
        self.name = name
        self.shards = tuple(shards)
        loop, weather = site.cluster.loop, site.cluster.weather
        self.process = Process(loop, name)
        self.broker = Connection(site.cluster, self.process, announces=site.announces)
        self.is_serving = False
        self._is_stopping = False
        self._site = site
        self._on_end = on_end
        self._store = Store(site.database, self.process, weather)
        self._asking = Asking(self._post_all, ASK_TIMEOUT_S, name)
        workers = WorkerCourier(self._asking, self._store, shards=SHARDS, push_timeout_s=3.0, probe_timeout_s=1.5)
        courier = CourierByProtocol(Roads(site.fleet, self.process, self._store, weather), workers)
        self._supervisor = Supervisor(
            self._store,
            self.broker,
            courier,
            BEHAVIOURS,
            self.shards,
            replace(SETTINGS, hand_over=site.hand_over, announces=site.announces),
            answer=self._answer,
            asked_here=(self._asking.address,),
            clock=loop.time,
            leases=LEASES,
            lease_clock=self.process.uptime if site.clock_stops else loop.time,
            chance=Random(f"{site.seed}/{name}").random,
            member_id=name,
        )

    def start(self) -> None:
        """Begin to live."""
        self.process.spawn(self._live())

    async def ask(self, to: Address, message: Message) -> Answer:
        """For a client: the answer. Raises SwarmPilotError."""
        return await self._asking.ask(to, message)

    async def report(self, run: Run) -> bool:
        """As the gateway does it: by the task's row to the dispatcher of its instance. True once it is taken in."""
        row = await self._store.task(run.task_id)
        if row is None:
            raise AssertionError(f"{run.task_id} runs without a record")
        if row.state in TERMINAL or not row.scheduled_ti:
            return True
        attempt, resumption = (run.attempt, run.resumption) if run.says_attempt or run.checkpoint else (0, 0)
        message: Report | ReportYield
        if run.checkpoint is None:
            is_error = run.conduct == "error"
            message = Report(row.task_id, attempt, row.agent_id, "", 5.0, run.result, is_error, resumption)
        else:
            message = ReportYield(row.task_id, attempt, resumption, row.agent_id, "", 1.0, run.checkpoint)
        return isinstance(await self._asking.ask(dispatcher(row.scheduled_ti), message), ReportAnswered)

    async def stop(self) -> None:
        """The end in good order."""
        self.is_serving, self._is_stopping = False, True
        await self._supervisor.stop(STOP_TIMEOUT_S)

    async def _live(self) -> None:
        try:
            await self._begin()
            await self._supervisor.wait() if self.shards else await self.process.loop.create_future()
        except (StoreUnavailable, BrokerUnavailable):
            pass  # it could not start: whoever looks after it tries again
        except Exception as error:
            if not self.process.is_dead:
                self._site.failed(self.name, error)
        if not self._is_stopping:
            self._end()

    async def _begin(self) -> None:
        if self.shards:
            await self._supervisor.start()
        await self.broker.receive(f"swarm.gateway.{self.name}", self._asking.receive, temporary=True)
        self.is_serving = True

    def _end(self) -> None:
        self.is_serving = False
        self._on_end(self)
        self.process.kill()

    def _answer(self, envelope: Envelope) -> None:
        self.process.moment()
        self._asking.answer(envelope)

    async def _post_all(self, envelopes: Sequence[Envelope]) -> None:
        if envelopes[0].to.kind == "worker":
            await self.broker.publish(envelopes)
            return
        for envelope in envelopes:
            await self._post(envelope)

    async def _post(self, envelope: Envelope) -> None:
        """As the service does it: what changes the record goes over the broker, the rest stays where it can."""
        may_stay = envelope.to != SCHEDULER
        if self._site.hand_over and may_stay and self._supervisor.runtime.hosts(envelope.to):
            self._supervisor.runtime.arrivals.add_local([envelope])
        else:
            await self.broker.publish([envelope])
