"""What exists on the broker: two exchanges for the world, one for the dead letters, one queue per shard.

Only arguments that RabbitMQ 3.10 to 4.x all accept are declared; everything else is tuned by policy
(`definitions.json`).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import ChannelPreconditionFailed
from pamqp.common import FieldTable

from actors.errors import QueueUnfit

QueueType: TypeAlias = Literal["classic", "quorum"]
QueueTypeSetting: TypeAlias = Literal["auto", "classic", "quorum"]

COMMANDS = "swarm.commands"
"""Topic exchange that producers publish commands to; any routing key reaches the scheduler's queue."""
EVENTS = "swarm.events"
"""Topic exchange of facts about tasks; routing key `task.<state>.<agent_id>`, with `_` for dots in the id."""
DEAD_LETTERS = "swarm.dead"
"""Fanout exchange, and the queue bound to it, of what can never have an effect."""
SCHEDULER_QUEUE = "swarm.scheduler"

DELIVERY_LIMIT = 1000
"""Redeliveries after which a quorum queue gives a message up as poison. Positive: -1 drops on 3.10."""


def choose_queue_type(setting: QueueTypeSetting, nodes: int) -> QueueType:
    """`auto` is classic on one node and quorum from three, counted by the nodes that the URL names."""
    if setting == "auto":
        return "quorum" if nodes >= 3 else "classic"
    return setting


def shard_arguments(kind: QueueType) -> FieldTable:
    """The arguments of a durable queue of a shard. Classic queues of 4.x refuse a delivery limit."""
    arguments: FieldTable = {"x-queue-type": kind, "x-dead-letter-exchange": DEAD_LETTERS}
    if kind == "quorum":
        arguments["x-delivery-limit"] = DELIVERY_LIMIT
    return arguments


class Topology:
    """Declares everything, again after every reconnect: a broker may come back empty.

    With `adopt`, a queue that exists with other properties (an operator's choice) is used as it is; without, it is
    refused with QueueUnfit.
    """

    def __init__(self, kind: QueueType, *, adopt: bool) -> None:
        self.kind: QueueType = kind
        self._adopt = adopt
        self._queues: dict[str, None] = {SCHEDULER_QUEUE: None}

    def remember(self, queue: str) -> None:
        """Declare this shard's queue from now on."""
        self._queues[queue] = None

    async def declare_all(self, connection: AbstractConnection) -> None:
        """Declare exchanges, the dead letters and every remembered queue, on a channel of its own."""
        channel = await connection.channel()
        await channel.exchange_declare(EVENTS, exchange_type="topic", durable=True)
        channel = await self.declare_dead_letters(channel)
        for queue in tuple(self._queues):
            channel = await self.declare_shard(channel, queue)
        await channel.close()

    async def declare_shard(self, channel: AbstractChannel, queue: str) -> AbstractChannel:
        """Declare one shard's queue, and what is bound to it. Returns the channel to go on with."""
        channel = await self._declare(channel, queue, shard_arguments(self.kind))
        await bind(channel, queue)
        return channel

    async def declare_dead_letters(self, channel: AbstractChannel) -> AbstractChannel:
        """Declare the queue of what can never have an effect. Returns the channel to go on with."""
        channel = await self._declare(channel, DEAD_LETTERS, {"x-queue-type": self.kind})
        await bind(channel, DEAD_LETTERS)
        return channel

    async def _declare(self, channel: AbstractChannel, queue: str, arguments: FieldTable) -> AbstractChannel:
        try:
            await channel.queue_declare(queue, durable=True, arguments=arguments)
        except ChannelPreconditionFailed as error:  # and the broker has closed the channel
            if not self._adopt:
                rule = "must be that of the queues there are, or auto to use them as they are"
                found = f"got {self.kind}, and {queue} exists otherwise: {error}"
                raise QueueUnfit(f"queue_type: {rule}; {found}") from error
            channel = await channel.connection.channel()
            await channel.queue_declare(queue, passive=True)
        return channel


async def bind(channel: AbstractChannel, queue: str) -> None:
    """Make what is published to its exchange reach this queue, where it has one."""
    if queue == SCHEDULER_QUEUE:
        await channel.exchange_declare(COMMANDS, exchange_type="topic", durable=True)
        await channel.queue_bind(queue, COMMANDS, routing_key="#")
    elif queue == DEAD_LETTERS:
        await channel.exchange_declare(DEAD_LETTERS, exchange_type="fanout", durable=True)
        await channel.queue_bind(queue, DEAD_LETTERS)


async def declare_temporary(channel: AbstractChannel, queue: str) -> None:
    """Declare a queue that belongs to this connection and goes with it."""
    await channel.queue_declare(queue, exclusive=True, auto_delete=True, arguments={"x-queue-type": "classic"})
