"""A worker's connection over RabbitMQ: a queue of its own, that goes with it, and the service's queues to write to.

It attaches and detaches by commands (`swarm.commands`), reports to its dispatcher's queue, and answers the gateway or
dispatcher that asked. Questions come as bundles of envelopes, answers as those of any producer.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import cast

import aiormq
import msgspec
from aiormq.abc import AbstractConnection, DeliveredMessage
from aiormq.exceptions import InvalidFrameError, PublishError
from pamqp.commands import Basic
from yarl import URL

from actors.addresses import Address, queue_of, worker
from actors.broker_urls import broker_urls, port_of
from actors.envelope import Envelope
from actors.envelope_json import BUNDLE_TYPE, decode_envelopes
from actors.messages.answers import TaskTaken
from actors.messages.scheduler import AttachWorker, DetachWorker
from actors.messages.wire import MESSAGES
from swarmpilot.worker.bundles import Bundles
from swarmpilot.worker.conversation import ASK_TIMEOUT_S, Conversation, Disconnected, Handle

COMMANDS = "swarm.commands"
JSON = "application/json"
CONNECT_TIMEOUT_S = 10.0
PUBLISH_TIMEOUT_S = 10.0
HEARTBEAT_S = 10
LOOK_EVERY_S = 1.0
"""How often a connection is looked at that has not said that it ended (s)."""
NO_VHOST = (
    "refused: there is no such vhost, the user may not use it, or too many are connected (RabbitMQ's log says which)"
)
TRANSIENT = 1
TAKEN_LATER_S = 0.01
"""How long the word that a task was taken is held back (s): of a quick one the report comes first, and says as much."""


class AmqpTransport:
    """Connects to the broker at `url`, amqp://user:password@host:port/vhost, or to any node of the cluster whose
    nodes it names, separated by commas. Raises ValueError where that is none."""

    def __init__(self, url: str, worker_id: str) -> None:
        self._urls = broker_urls(url, HEARTBEAT_S)
        self._worker_id = worker_id

    def __str__(self) -> str:
        return " or ".join(map(_shown, self._urls))

    @asynccontextmanager
    async def connected(self, handle: Handle) -> AsyncIterator[Conversation]:
        """A new connection; see the protocol."""
        connection = await self._connect()
        try:
            conversation = await self._begin(connection, handle)
            watching = asyncio.create_task(_watch(connection, conversation))
            try:
                yield conversation
            finally:
                watching.cancel()
                await asyncio.wait({watching})
                conversation.end("disconnected")
        finally:
            with contextlib.suppress(Disconnected), _as_disconnected("disconnecting"):
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await connection.close()

    async def _connect(self) -> AbstractConnection:
        """To the first node that answers, in an order of chance. Raises Disconnected, of the last one."""
        nodes = random.sample(self._urls, len(self._urls))
        for node in nodes[:-1]:
            with contextlib.suppress(Disconnected):
                return await self._connect_to(node)
        return await self._connect_to(nodes[-1])

    async def _connect_to(self, node: URL) -> AbstractConnection:
        with _as_disconnected(f"connecting to {_shown(node)}"):
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                try:
                    return await aiormq.connect(node, client_properties={"connection_name": self._worker_id})
                except InvalidFrameError as error:
                    if "Connection.Close" not in str(error):
                        raise
                    # aiormq had not expected that, and does not say what RabbitMQ has said.
                    raise Disconnected(f"connecting to {_shown(node)}: {NO_VHOST}") from error

    async def _begin(self, connection: AbstractConnection, handle: Handle) -> Conversation:
        me = worker(self._worker_id)
        queue = queue_of(me, 1)
        with _as_disconnected(f"declaring {queue} (is another process attached as {self._worker_id}?)"):
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                publishing = cast(aiormq.Channel, await connection.channel(on_return_raises=True))
                consuming = await connection.channel(publisher_confirms=False)
                await consuming.queue_declare(
                    queue, exclusive=True, auto_delete=True, arguments={"x-queue-type": "classic"}
                )

                sending = _Sending(publishing, queue, lambda reason: conversation.end(reason))
                conversation = Conversation(me, sending.carry, handle)
                await consuming.basic_consume(queue, lambda message: _take(message, conversation), no_ack=True)
        return conversation


class _Sending:
    """Publishes what a worker says: its commands one by one, all else in bundles.

    Nothing is persistent: each question is asked again until it is answered, over any number of connections.
    """

    def __init__(self, channel: aiormq.Channel, reply_to: str, on_failure: Callable[[str], None]) -> None:
        self._channel = channel
        self._reply_to = reply_to
        self._on_failure = on_failure
        self._bundles = Bundles(self._send)

    async def carry(self, envelope: Envelope, queue: str) -> None:
        """Returns once it is confirmed, of an answer at once: who is not answered asks again. Raises Disconnected."""
        message = envelope.message
        if isinstance(message, AttachWorker | DetachWorker):
            properties = Basic.Properties(
                content_type=JSON,
                delivery_mode=TRANSIENT,
                correlation_id=envelope.id,
                reply_to=self._reply_to,
                # One that nobody takes in time must not attach, much later, a worker that has gone.
                expiration=str(int(ASK_TIMEOUT_S * 1000)),
            )
            await self._publish(command_of(message), properties, COMMANDS, type(message).__name__)
        elif isinstance(message, TaskTaken):
            asyncio.get_running_loop().call_later(TAKEN_LATER_S, self._bundles.add, queue_of(envelope.to, 1), envelope)
        elif envelope.reply_to is None:
            self._bundles.add(queue_of(envelope.to, 1), envelope)
        else:
            await self._bundles.add(queue, envelope)

    async def _send(self, queue: str, bundle: bytes) -> None:
        await self._publish(bundle, Basic.Properties(content_type=BUNDLE_TYPE, delivery_mode=TRANSIENT), "", queue)

    async def _publish(self, body: bytes, properties: Basic.Properties, exchange: str, routing_key: str) -> None:
        try:
            with _as_disconnected(f"publishing to {exchange or routing_key}"):
                async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                    await self._channel.basic_publish(
                        body,
                        exchange=exchange,
                        routing_key=routing_key,
                        properties=properties,
                        mandatory=True,
                        wait=False,
                    )
        except Disconnected as failure:
            if not isinstance(failure.__cause__, PublishError):
                self._on_failure(str(failure))  # its confirms can no longer be told apart from late ones
            raise


def command_of(message: AttachWorker | DetachWorker) -> bytes:
    """The command as the service takes it from any producer."""
    fields: dict[str, object] = {"type": type(message).__name__, "worker_id": message.worker_id}
    if isinstance(message, AttachWorker):
        fields |= {"agent_id": message.agent_id, "capacity": message.capacity, "incarnation": message.incarnation}
    return msgspec.json.encode(fields)


def _shown(url: URL) -> str:
    """For people: without name and password."""
    return f"{url.scheme}://{url.host}:{port_of(url)}{url.path}"


async def _take(message: DeliveredMessage, conversation: Conversation) -> None:
    try:
        for envelope in _read(message):
            await conversation.take(envelope)
    except (msgspec.MsgspecError, ValueError) as failure:
        conversation.end(f"what came cannot be read: {failure}")
    except Disconnected:
        return  # the answer is not missed: who asked asks again


def _read(message: DeliveredMessage) -> list[Envelope]:
    """The envelopes of a bundle; or the one of an answer, which names its type and has its correlation beside it."""
    properties = message.header.properties
    if properties.content_type == BUNDLE_TYPE:
        return decode_envelopes(message.body)
    name = msgspec.json.decode(message.body, type=_Named).type
    return [Envelope(properties.correlation_id or "", Address("producer", ""), MESSAGES.decode(name, message.body))]


class _Named(msgspec.Struct):
    type: str


async def _watch(connection: AbstractConnection, conversation: Conversation) -> None:
    closing = connection.closing
    while connection.is_opened and not closing.done():
        await asyncio.wait({closing}, timeout=LOOK_EVERY_S)
    conversation.end("the connection to RabbitMQ was lost")


@contextlib.contextmanager
def _as_disconnected(doing: str) -> Iterator[None]:
    """Turn every failure into Disconnected.

    aiormq rejects whoever waits with the reason of the closure, whatever type that has: a bare Exception, or
    CancelledError in a task that nobody has cancelled. Hence the broad clauses.
    """
    try:
        yield
    except Disconnected:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Disconnected(f"{doing}: the connection was closed") from error
    except TimeoutError as error:
        raise Disconnected(f"{doing}: no answer in time") from error
    except Exception as error:
        raise Disconnected(f"{doing}: {error!r}") from error
