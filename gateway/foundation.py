"""What every process stands on, whatever its role: its configuration, store, broker and couriers, and how it asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.addresses import SCHEDULER, all_shards
from actors.crash_points import reach
from actors.envelope import Envelope
from actors.messages.scheduler import DescribeActivityRoom, DescribeQueues, ExplainPlacement, ExplainWait, ListAgents
from actors.settings import Settings
from actors.store import WholeStore
from actors.stores import open_store
from actors.upkeep import refuse_other_shards
from actors.vitals import Vitals
from gateway.asking import Asking
from gateway.assembly import make_broker, make_courier, translation
from gateway.config_file import ConfigError, ConfigFile, read_config
from gateway.dead_letters import DeadLetters
from rabbitmq import RabbitBroker

QUESTIONS = (DescribeQueues, ExplainWait, ExplainPlacement, DescribeActivityRoom, ListAgents)
"""What changes nothing does not queue behind the commands that producers have published."""


class Foundation:
    """Made from the settings alone, opened later. Raises ValueError where what is configured cannot be used.

    `take_in` is asked to bring a message to an actor of this process; it says whether the actor lives here.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.config: ConfigFile = read_config(settings.config)
        self.store = _opened_later(settings)
        self.vitals = Vitals()
        self.broker = make_broker(settings, self.vitals)
        self.asking = Asking(self._post_all, settings.ask_timeout_s)
        self.courier = make_courier(settings, self.asking, self.store)
        translate = translation(settings)
        # Over the broker, whoever lives here: what comes over it has its effect once, whatever process heard it first.
        self.dead = DeadLetters(self.store, self.broker.publish, lambda body: translate(body, {}))
        self.take_in: Callable[[Envelope], bool] = lambda _: False

    async def open(self) -> None:
        """Open store, broker and couriers, hear answers and of the dead."""
        await self.store.open()
        await self.broker.open()
        await self.courier.open()
        await self.broker.receive(f"swarm.gateway.{self.asking.address.key}", self.asking.receive, temporary=True)
        if isinstance(self.broker, RabbitBroker):
            await self.broker.receive_dead(self.dead.keep)

    async def declare(self) -> None:
        """Make the queues of all shards exist, which hosts of actors do themselves. Raises WrongShards, as they do."""
        await refuse_other_shards(self.store, all_shards(self.settings.shards))
        await self.broker.declare([f"swarm.{name}" for name in all_shards(self.settings.shards)])

    async def close(self) -> None:
        """Close everything that was opened."""
        await self.courier.close()
        await self.dead.close()
        await self.broker.close()
        await self.store.close()

    async def post(self, envelope: Envelope) -> None:
        """To an actor or a worker: through the broker, but for what may stay in the process."""
        if envelope.to == self.asking.address:
            self.asking.answer(envelope)
        elif not (self._may_stay(envelope) and self.take_in(envelope)):
            reach("request.before")
            await self.broker.publish([envelope])
            reach("request.after")

    async def _post_all(self, envelopes: Sequence[Envelope]) -> None:
        """All of them to one receiver."""
        if envelopes[0].to.kind == "worker":
            await self.broker.publish(envelopes)
            return
        for envelope in envelopes:
            await self.post(envelope)

    def _may_stay(self, envelope: Envelope) -> bool:
        return self.settings.hand_over and (envelope.to != SCHEDULER or isinstance(envelope.message, QUESTIONS))


def _opened_later(settings: Settings) -> WholeStore:
    try:
        return open_store(
            settings.store,
            activity_history=settings.activity_history,
            connections=settings.store_connections,
            timeout_s=settings.store_timeout_s,
        )
    except ValueError as error:
        raise ConfigError(f"store: {error}") from error
