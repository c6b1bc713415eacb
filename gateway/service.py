"""The composition root: every part of one process, made and joined; nothing else imports both sides."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from actors.addresses import SCHEDULER, all_shards
from actors.courier import InstanceUnreachable
from actors.envelope import Envelope
from actors.errors import SwarmPilotError
from actors.messages.answers import QueuesDescribed, Refused
from actors.messages.scheduler import (
    DescribeActivityRoom,
    DescribeQueues,
    ExplainPlacement,
    ExplainWait,
    ListAgents,
    SetStrategy,
)
from actors.runtime import RuntimeSettings
from actors.scheduler.order_names import ORDERS, find_order
from actors.scheduler.strategies import STRATEGIES, find_strategy
from actors.settings import Settings
from actors.store import WholeStore
from actors.stores import open_store
from actors.supervisor import Supervisor
from gateway.activity_feed import ActivityFeed
from gateway.asking import Asking
from gateway.assembly import behaviours, make_broker, make_courier
from gateway.attached_workers import AttachedWorkers
from gateway.config_file import ConfigError, ConfigFile, InstanceEntry, read_config
from gateway.edge import Edge, Phase, ServiceStatus
from gateway.registering import RegistrationRefused, register_instance
from gateway.rpc import RpcServer

log = structlog.get_logger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 15.0
"""Pauses between attempts to register an instance of the configuration file (s)."""


QUESTIONS = (DescribeQueues, ExplainWait, ExplainPlacement, DescribeActivityRoom, ListAgents)
"""What changes nothing does not queue behind the commands that producers have published."""


class Service:
    """Gateway and actors in one process, over the embedded broker or RabbitMQ.

    Raises ValueError where what is configured cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.phase: Phase = "starting"
        self.grpc_port: int | None = None
        self._config: ConfigFile = read_config(settings.config)
        self._chosen = self._choices()
        self._store = _opened_later(settings)
        self._broker = make_broker(settings)
        self._asking = Asking(self._post_all, settings.ask_timeout_s)
        self._courier = make_courier(settings, self._asking, self._store)
        self._supervisor = Supervisor(
            self._store,
            self._broker,
            self._courier,
            behaviours(settings, self._config),
            all_shards(settings.shards),
            RuntimeSettings(
                shards=settings.shards,
                hand_over=settings.hand_over,
                announces=self._broker.announces,
                turn_messages=settings.turn_messages,
                snapshot_every=settings.snapshot_every,
            ),
            answer=self._asking.answer,
            asked_here=(self._asking.address,),
        )
        workers = AttachedWorkers(self._broker, self._asking, self._store, self._post, settings.max_body_bytes)
        self._activity = ActivityFeed(self._store, settings.activity_streams)
        self.edge = Edge(self._asking, self._store, self._courier, settings, self.status, workers, self._activity)
        self._rpc = RpcServer(self.edge) if settings.grpc_port >= 0 else None
        self._registering: set[asyncio.Task[None]] = set()

    def status(self) -> ServiceStatus:
        """How the service is now."""
        return ServiceStatus(self.phase, self._broker.condition if self.settings.amqp else None)

    async def start(self) -> None:
        """Open everything, rebuild the actors, then serve. What was opened is closed again where one part fails."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        if self._rpc is not None:
            self.grpc_port = self._rpc.listen()
        await self._store.open()
        await self._broker.open()
        await self._courier.open()
        answers = f"swarm.gateway.{self._asking.address.key}"
        await self._supervisor.start()
        await self._broker.receive(answers, self._asking.receive, temporary=True)
        await self._apply_choices()
        if self._rpc is not None:
            await self._rpc.start()
        self.phase = "serving"
        for entry in self._config.instances:
            task = asyncio.create_task(self._register(entry))
            self._registering.add(task)
            task.add_done_callback(self._registering.discard)

    def begin_drain(self) -> None:
        """Refuse new tasks and start none; what instances report is still taken in."""
        self.phase = "draining"
        self._supervisor.runtime.hold_pushes = True
        self._activity.close()
        if self._rpc is not None:
            self._rpc.begin_drain()

    async def drained(self) -> None:
        """Return once no instance is working on a task."""
        while True:
            answer = await self._asking.ask(SCHEDULER, DescribeQueues())
            if isinstance(answer, QueuesDescribed) and answer.running_total <= self._supervisor.runtime.pushes_held:
                return
            await asyncio.sleep(0.1)

    async def wait(self) -> None:
        """Return when the actors have stopped; raises what stopped them."""
        await self._supervisor.wait()

    async def stop(self) -> None:
        """Stop serving, keep everything, close everything."""
        self.phase = "draining"
        self._activity.close()
        for task in self._registering:
            task.cancel()
        if self._rpc is not None:
            await self._rpc.stop(1.0)
        await self._supervisor.stop(self.settings.drain_timeout_s)
        await self._courier.close()
        await self._broker.close()
        await self._store.close()

    async def _post_all(self, envelopes: Sequence[Envelope]) -> None:
        """All of them to one receiver."""
        if envelopes[0].to.kind == "worker":
            await self._broker.publish(envelopes)
            return
        for envelope in envelopes:
            await self._post(envelope)

    async def _post(self, envelope: Envelope) -> None:
        """To an actor or a worker: through the broker, but for what may stay in the process."""
        if envelope.to == self._asking.address:
            self._asking.answer(envelope)
            return
        may_stay = envelope.to != SCHEDULER or isinstance(envelope.message, QUESTIONS)
        if self.settings.hand_over and may_stay and self._supervisor.runtime.hosts(envelope.to):
            self._supervisor.runtime.arrivals.add_local([envelope])
        else:
            await self._broker.publish([envelope])

    def _choices(self) -> list[SetStrategy]:
        """The strategies and orders that the configuration names. Raises ConfigError."""
        config = self._config
        everywhere = self.settings.strategy or config.strategy
        strategies = ({"": everywhere} if everywhere else {}) | config.strategies
        orders = ({"": config.order} if config.order else {}) | config.orders
        for name in strategies.values():
            if ":" not in name and find_strategy(name) is None:
                raise ConfigError(f"strategy: must be one of {', '.join(STRATEGIES)} or module:function; got {name!r}")
        for name in orders.values():
            if find_order(name) is None:
                raise ConfigError(f"order: must be one of {', '.join(ORDERS)}; got {name!r}")
        chosen = [SetStrategy(name, model_name) for model_name, name in strategies.items()]
        return chosen + [SetStrategy("", model_name, order=name) for model_name, name in orders.items()]

    async def _apply_choices(self) -> None:
        """Set what the configuration names; where it names none, what is in force stays."""
        for choice in self._chosen:
            answer = await self._asking.ask(SCHEDULER, choice)
            if isinstance(answer, Refused):
                raise ConfigError(f"{'strategy' if choice.name else 'order'}: {answer.reason}")

    async def _register(self, entry: InstanceEntry) -> None:
        """Register an instance of the configuration file, however long it takes to appear."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                accepted = await register_instance(self.edge, entry.host, entry.port, entry.model_name, entry.capacity)
            except (InstanceUnreachable, RegistrationRefused, SwarmPilotError) as error:
                log.warning(
                    "configured instance not registered yet", host=entry.host, port=entry.port, reason=str(error)
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
                continue
            log.info("configured instance registered", host=entry.host, port=entry.port, model=accepted.model_name)
            return


def _opened_later(settings: Settings) -> WholeStore:
    try:
        return open_store(settings.store, activity_history=settings.activity_history)
    except ValueError as error:
        raise ConfigError(f"store: {error}") from error
