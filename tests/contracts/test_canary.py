"""Connected and deaf is noticed by a canary, and mended; nobody but the mailbox gets to see one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiormq
import pytest
from aiormq.abc import AbstractChannel
from pamqp.commands import Connection
from pamqp.common import FieldTable
from pamqp.frame import marshal

from actors.addresses import Address, agent, queue_of
from actors.envelope import Envelope
from actors.errors import BrokerUnavailable
from actors.messages.agent import PreemptTask
from actors.messages.answers import PreemptionAnswered
from actors.vitals import Vitals
from rabbitmq import RabbitBroker
from rabbitmq.topology import COMMANDS, DEAD_LETTERS, SCHEDULER_QUEUE
from tests.contracts.broker_rigs import DEADLINE_S, SHARDS, Kept, Stranger, strategy_command
from tests.rabbit_server import RabbitServer

AGENT = agent("worker-1")
QUEUE = queue_of(AGENT, SHARDS)
GATEWAY = Address("gateway", "g-1")
ANSWERS = queue_of(GATEWAY, SHARDS)
CANARY_S = 0.3


def perform(
    rabbit: RabbitServer, story: Callable[[RabbitBroker, Vitals], Awaitable[None]], canary_s: float = CANARY_S
) -> None:
    async def run() -> None:
        vitals = Vitals()
        broker = RabbitBroker(rabbit.url, shards=SHARDS, translate=strategy_command, canary_s=canary_s, vitals=vitals)
        await broker.open()
        try:
            await broker.declare([QUEUE])
            await story(broker, vitals)
        finally:
            await broker.close()

    asyncio.run(run())


async def deafen(broker: RabbitBroker, queue: str) -> None:
    """Take the subscription away, as a node that forgets it: connection and channel stay, and nobody is told."""
    consumption = broker._mailboxes[queue]._consumption
    assert consumption is not None
    channel = consumption.channel
    assert isinstance(channel, aiormq.Channel)
    [tag] = channel.consumers
    await channel.basic_cancel(tag)


async def until(question: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not question():  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("queue", "part"), [(QUEUE, "agents"), (ANSWERS, "gateway")])
def test_a_subscription_lost_without_a_word_is_made_anew(rabbit: RabbitServer, queue: str, part: str) -> None:
    async def story(broker: RabbitBroker, vitals: Vitals) -> None:
        shard, answers = Kept(), Kept()
        await broker.receive(QUEUE, shard)
        await broker.receive(ANSWERS, answers, temporary=True)
        await deafen(broker, queue)
        await broker.publish([Envelope("m", AGENT, PreemptTask("t", 1, 0, ""))])
        await shard.have(1)
        async with asyncio.timeout(DEADLINE_S):
            while not answers.envelopes:  # the queue of answers went with its subscription, and what was in it
                await broker.publish([Envelope("c", GATEWAY, PreemptionAnswered(True))])
                await asyncio.sleep(0.05)
        assert vitals.counts["receiving renewed"] >= 1
        assert vitals.counts[f"{part} ill"] == vitals.counts["receiving renewed"]
        await until(lambda: not vitals.illnesses)
        assert [e.id for e in shard.envelopes] == ["m"], "the canary was for the mailbox alone"
        assert {e.id for e in answers.envelopes} == {"c"}

    perform(rabbit, story)


def test_who_hears_is_left_alone_and_canaries_leave_nothing_behind(rabbit: RabbitServer) -> None:
    async def story(broker: RabbitBroker, vitals: Vitals) -> None:
        kept = Kept()
        await broker.receive(QUEUE, kept)
        mailbox = broker._mailboxes[QUEUE]
        subscription, heard = mailbox._consumption, mailbox.heard_at
        for _ in range(3):
            await until(lambda before=heard: mailbox.heard_at > before)  # type: ignore[misc]
            heard = mailbox.heard_at
        assert mailbox._consumption is subscription
        assert not vitals.counts
        assert not kept.deliveries
        await broker.stop_receiving(QUEUE)
        assert await depth(rabbit) == 0

    perform(rabbit, story)


def test_who_shares_the_dead_letters_with_another_process_is_not_deaf(rabbit: RabbitServer) -> None:
    async def story(broker: RabbitBroker, vitals: Vitals) -> None:
        other = RabbitBroker(rabbit.url, shards=SHARDS, translate=strategy_command, canary_s=60.0)
        await other.open()
        try:
            for each in (broker, other):
                await each.receive_dead(lambda _: None)
            await until(lambda: broker._canary.rounds >= 5)
        finally:
            await other.close()
        assert not vitals.illnesses
        assert vitals.counts["receiving renewed"] == 0

    perform(rabbit, story)


@pytest.mark.parametrize("harm", ["deleted", "unbound"])
def test_commands_and_dead_letters_reach_their_queues_again(rabbit: RabbitServer, harm: str) -> None:
    """Where exchange or binding were taken away by hand, while the queues stay."""

    async def story(broker: RabbitBroker, _: Vitals) -> None:
        kept = Kept()
        buried: asyncio.Queue[bytes] = asyncio.Queue()
        await broker.receive(SCHEDULER_QUEUE, kept)
        await broker.receive_dead(lambda dead: buried.put_nowait(dead.letter.body))
        async with Stranger(rabbit.url) as stranger, asyncio.timeout(DEADLINE_S):
            for queue, exchange, key in ((SCHEDULER_QUEUE, COMMANDS, "#"), (DEAD_LETTERS, DEAD_LETTERS, "")):
                if harm == "deleted":
                    await stranger.channel.exchange_delete(exchange)
                else:
                    await stranger.channel.queue_unbind(queue, exchange, routing_key=key)
            begun = broker._canary.rounds
            await until(lambda: broker._canary.rounds >= begun + 2)
            await stranger.command(b"set RoundRobin")
            await kept.have(1)
            await stranger.channel.basic_publish(b"dead", exchange=DEAD_LETTERS, routing_key=QUEUE)
            assert await buried.get() == b"dead"

    perform(rabbit, story)


@pytest.mark.parametrize("steps", range(12))
def test_who_gives_up_a_subscription_that_is_being_renewed_keeps_nothing_from_others(
    rabbit: RabbitServer, steps: int
) -> None:
    """At whatever moment of the renewal: else what is delivered to it would be settled by nobody."""

    async def story(broker: RabbitBroker, vitals: Vitals) -> None:
        await broker.receive(QUEUE, Kept())
        broker._mailboxes[QUEUE].renew()
        for _ in range(steps):
            await asyncio.sleep(0)
        await broker.stop_receiving(QUEUE)
        other = RabbitBroker(rabbit.url, shards=SHARDS, translate=strategy_command, canary_s=60.0)
        await other.open()
        kept = Kept()
        try:
            await other.receive(QUEUE, kept)
            sent = [Envelope(f"m{n}", AGENT, PreemptTask("t", 1, 0, "")) for n in range(4)]
            for envelope in sent:  # one message each, which the broker deals out to all that it knows of
                await other.publish([envelope])
            await kept.have(len(sent))
        finally:
            await other.close()

    perform(rabbit, story)


def test_who_is_busy_is_not_deaf(rabbit: RabbitServer) -> None:
    """A mailbox that holds as much as it may gets nothing more, canaries neither."""

    async def story(broker: RabbitBroker, vitals: Vitals) -> None:
        kept = Kept(settles=False)
        await broker.receive(QUEUE, kept)
        for n in range(260):
            await broker.publish([Envelope(f"m-{n}", AGENT, PreemptTask("t", 1, 0, ""))])
        mailbox = broker._mailboxes[QUEUE]
        await until(lambda: not mailbox.has_room)
        looked = broker._canary.rounds
        await until(lambda: broker._canary.rounds >= looked + 3)
        assert not vitals.counts
        for delivery in kept.deliveries:
            delivery.settle()
        await kept.have(260)

    perform(rabbit, story)


@pytest.mark.parametrize("reason", ["low on memory", ""])
def test_a_broker_that_takes_no_messages_is_ill_and_says_why(rabbit: RabbitServer, reason: str) -> None:
    """As RabbitMQ tells who publishes while it has too little memory or disk."""

    async def story(broker: RabbitBroker, vitals: Vitals) -> None:
        wire = broker._out.deliveries
        wire.data_received(marshal(Connection.Blocked(reason), 0))
        [illness] = vitals.illnesses
        said = f"RabbitMQ takes no messages: {reason or 'no reason given'}"
        assert (illness.part, illness.reason) == ("broker", said)
        with pytest.raises(BrokerUnavailable, match=f"^{said}$"):
            await broker.publish([Envelope("m", AGENT, PreemptTask("t", 1, 0, ""))])
        wire.data_received(marshal(Connection.Unblocked(), 0))
        assert not vitals.illnesses
        await broker.publish([Envelope("m", AGENT, PreemptTask("t", 1, 0, ""))])

    perform(rabbit, story)


def test_a_queue_that_refuses_what_is_published_is_noticed_and_named(rabbit: RabbitServer) -> None:
    """As one that has reached the `max-length` of a policy with `overflow: reject-publish`."""

    async def story(broker: RabbitBroker, vitals: Vitals) -> None:
        full: FieldTable = {"x-queue-type": "classic", "x-max-length": 0, "x-overflow": "reject-publish"}
        async with channel_of(rabbit) as channel:
            await channel.queue_delete(QUEUE)
            await channel.queue_declare(QUEUE, durable=True, arguments=full)
            await broker.receive(ANSWERS, Kept(), temporary=True)
            await broker.receive(QUEUE, Kept())
            await until(lambda: bool(vitals.illnesses))
            [illness] = vitals.illnesses
            assert illness.part == "broker"
            assert illness.reason.startswith(f"connected, but takes no messages: publishing to {QUEUE}: ")
            await channel.queue_delete(QUEUE)
            await until(lambda: not vitals.illnesses)

    perform(rabbit, story)


@pytest.mark.parametrize("is_given_up", [False, True])
def test_a_subscription_that_is_refused_is_ill_until_it_is_had(rabbit: RabbitServer, is_given_up: bool) -> None:
    """Connected and deaf, and no canary flies: here because a stranger has the queue to itself."""

    async def story(broker: RabbitBroker, vitals: Vitals) -> None:
        await broker.receive(QUEUE, Kept())
        await deafen(broker, QUEUE)
        async with channel_of(rabbit) as channel:
            await channel.basic_consume(QUEUE, _no_one, exclusive=True)
            broker._mailboxes[QUEUE].renew()
            await until(lambda: bool(vitals.illnesses))
            [illness] = vitals.illnesses
            assert (illness.part, illness.detail) == ("agents", QUEUE)
            assert "exclusive" in illness.reason
            if is_given_up:
                await broker.stop_receiving(QUEUE)
                assert not vitals.illnesses
        await until(lambda: not vitals.illnesses)

    perform(rabbit, story, canary_s=60.0)


async def _no_one(_: object) -> None: ...


@asynccontextmanager
async def channel_of(rabbit: RabbitServer) -> AsyncIterator[AbstractChannel]:
    connection = await aiormq.connect(rabbit.url)
    try:
        yield await connection.channel()
    finally:
        await connection.close()


async def depth(rabbit: RabbitServer) -> int:
    async with channel_of(rabbit) as channel:
        declared = await channel.queue_declare(QUEUE, passive=True)
        return declared.message_count or 0
