"""RabbitMQ stopped, killed and started again under a broker that stays: nothing confirmed is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from urllib.parse import urlsplit

import pytest
from aiormq.exceptions import ChannelNotFoundEntity

from actors.addresses import Address, agent, queue_of
from actors.broker import Broker
from actors.envelope import Announcement, Envelope
from actors.errors import BrokerUnavailable, BrokerUnfit, QueueUnfit
from actors.messages.agent import PreemptTask
from actors.messages.answers import PreemptionAnswered
from rabbitmq import RabbitBroker
from rabbitmq.topology import COMMANDS, DEAD_LETTERS, EVENTS, SCHEDULER_QUEUE
from tests.contracts.broker_rigs import DEADLINE_S, SHARDS, Kept, RabbitRig, Stranger, until_down, until_up
from tests.rabbit_queues import delete_queues
from tests.rabbit_server import RabbitServer, speaks_amqp

AGENT = agent("worker-1")
QUEUE = queue_of(AGENT, SHARDS)
GATEWAY = Address("gateway", "g-1")


@pytest.fixture
def rig(rabbit: RabbitServer) -> Iterator[RabbitRig]:
    """A test that fails in mid outage leaves the next one a running server all the same."""
    yield RabbitRig(rabbit)
    if not speaks_amqp(urlsplit(rabbit.url).port or 5672):
        rabbit.start()


def numbered(first: int, last: int) -> list[Envelope]:
    return [Envelope(f"m-{n}", AGENT, PreemptTask(f"task-{n}", 1, 0, "")) for n in range(first, last)]


def perform(rig: RabbitRig, story: Callable[[RabbitBroker], Awaitable[None]]) -> None:
    async def run() -> None:
        broker = rig.broker()
        await broker.open()
        try:
            await broker.declare([QUEUE])
            await story(broker)
        finally:
            await broker.close()

    asyncio.run(run())


async def publish_in_the_end(broker: Broker, envelopes: list[Envelope]) -> None:
    """Publish as an outbox does: again, until it is confirmed."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await broker.publish(envelopes)
            except BrokerUnavailable:
                await asyncio.sleep(0.05)


def have_queues_written_down(rig: RabbitRig) -> None:
    """RabbitMQ 3.10 may forget a queue that was declared right before a kill -9, with all that it had confirmed in it,
    and tells nobody when it has written the queue down; a stop in good order sees to it."""

    async def nothing_more(_: RabbitBroker) -> None: ...

    perform(rig, nothing_more)
    rig.server.stop()
    rig.server.start()


@pytest.mark.parametrize("outage", ["stop", "kill"])
def test_everything_confirmed_around_an_outage_arrives(rig: RabbitRig, outage: str) -> None:
    async def story(broker: RabbitBroker) -> None:
        kept = Kept()
        await broker.receive(QUEUE, kept)
        confirmed: list[str] = []
        refused = asyncio.Event()

        async def keep_publishing() -> None:
            try:
                for n in count():
                    await broker.publish(numbered(n, n + 1))
                    confirmed.append(f"m-{n}")
            except BrokerUnavailable:
                refused.set()

        publishing = asyncio.create_task(keep_publishing())
        await kept.have(21)  # one after the other: those before the last are confirmed
        await asyncio.to_thread(getattr(rig.server, outage))
        await asyncio.wait_for(refused.wait(), 30)
        await publishing
        await asyncio.to_thread(rig.server.start)
        await until_up(broker)
        await publish_in_the_end(broker, [Envelope("last", AGENT, PreemptTask("t", 1, 0, ""))])
        arrived = await kept.have_id("last")
        assert set(confirmed) <= {envelope.id for envelope in arrived}
        assert len(confirmed) >= 20

    have_queues_written_down(rig)
    perform(rig, story)


def test_what_was_confirmed_and_not_settled_survives_a_kill(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker) -> None:
        kept = Kept(settles=False)
        await broker.receive(QUEUE, kept)
        for envelope in numbered(0, 3):
            await broker.publish([envelope])
        await kept.have(3)
        await asyncio.to_thread(rig.server.kill)
        await until_down(broker)
        for delivery in kept.deliveries:
            delivery.settle()  # over a channel that is gone: without effect, and without harm
        await asyncio.to_thread(rig.server.start)
        again = await kept.have(6)
        assert [envelope.id for envelope in again[3:]] == ["m-0", "m-1", "m-2"]
        for delivery in kept.deliveries[3:]:
            delivery.settle()

    have_queues_written_down(rig)
    perform(rig, story)


def test_while_rabbitmq_is_away_publishing_is_refused_at_once_and_then_works_again(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker) -> None:
        kept, answers = Kept(), Kept()
        await broker.receive(QUEUE, kept)
        await broker.receive(queue_of(GATEWAY, SHARDS), answers, temporary=True)
        await asyncio.to_thread(rig.server.stop)
        await until_down(broker)
        for _ in range(3):
            with pytest.raises(BrokerUnavailable):
                await broker.publish(numbered(0, 1))
        with pytest.raises(BrokerUnavailable):
            await rig.broker().open()
        await asyncio.to_thread(rig.server.start)
        await until_up(broker)
        await publish_in_the_end(broker, numbered(1, 2))
        assert (await kept.have(1))[0].id == "m-1"
        while not answers.envelopes:  # the gateway's own queue is made anew; answers before that are dropped
            await publish_in_the_end(broker, [Envelope("c-1", GATEWAY, PreemptionAnswered(True))])
            await asyncio.sleep(0.05)
        assert answers.envelopes[0].id == "c-1"

    perform(rig, story)


def test_a_subscription_whose_queue_was_deleted_is_renewed(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker) -> None:
        kept = Kept()
        await broker.receive(QUEUE, kept)
        await delete_queues(rig.server.url)
        await broker.declare([QUEUE])
        await publish_in_the_end(broker, numbered(0, 1))
        await kept.have(1)

    perform(rig, story)


class TestAnExchangeThatWasDeleted:
    """By whoever cleans up by hand: it is made again where it is missed, and nothing waits behind it for ever."""

    def test_facts_are_announced_again(self, rig: RabbitRig) -> None:
        async def story(broker: RabbitBroker) -> None:
            await delete_exchange(rig, EVENTS)
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    try:
                        return await broker.announce([Announcement("a", "task.queued.a", b"[]")])
                    except BrokerUnavailable:
                        await asyncio.sleep(0.05)

        perform(rig, story)

    def test_what_nobody_can_read_is_buried(self, rig: RabbitRig) -> None:
        async def story(broker: RabbitBroker) -> None:
            buried: asyncio.Queue[str] = asyncio.Queue()
            await broker.receive(QUEUE, Kept())
            await broker.receive_dead(lambda dead: buried.put_nowait(dead.letter.to))
            await delete_exchange(rig, DEAD_LETTERS)
            async with Stranger(rig.server.url) as stranger:
                await stranger.channel.basic_publish(b"no bundle", routing_key=QUEUE)
            assert await asyncio.wait_for(buried.get(), DEADLINE_S) == QUEUE

        perform(rig, story)

    def test_commands_arrive_once_their_queue_is_made_again(self, rig: RabbitRig) -> None:
        async def story(broker: RabbitBroker) -> None:
            kept = Kept()
            await broker.receive(SCHEDULER_QUEUE, kept)
            await delete_exchange(rig, COMMANDS)
            await delete_queues(rig.server.url)
            async with Stranger(rig.server.url) as stranger, asyncio.timeout(DEADLINE_S):
                await is_there(stranger, COMMANDS)
                await stranger.command(b"set RoundRobin", reply_to=stranger.queue, correlation="c")
                await kept.have(1)

        perform(rig, story)


async def delete_exchange(rig: RabbitRig, name: str) -> None:
    async with Stranger(rig.server.url) as stranger:
        await stranger.channel.exchange_delete(name)


async def is_there(stranger: Stranger, exchange: str) -> None:
    """Return once there is such an exchange, with the scheduler's queue bound to it."""
    while True:
        channel = await stranger.channel.connection.channel()
        try:
            await channel.exchange_declare(exchange, passive=True)
            await channel.queue_bind(SCHEDULER_QUEUE, exchange, routing_key="probe")
            return await channel.close()
        except ChannelNotFoundEntity:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("account", "vhost", "said"), [("guest:wrong-one", "", "ACCESS_REFUSED"), ("guest:guest", "no-such", "NOT_ALLOWED")]
)
def test_a_login_that_is_refused_is_not_waited_for(rig: RabbitRig, account: str, vhost: str, said: str) -> None:
    place = rig.server.url.rpartition("@")[2].rstrip("/")
    broker = RabbitBroker(f"amqp://{account}@{place}/{vhost}", shards=SHARDS, translate=lambda *_: [])
    with pytest.raises(BrokerUnfit) as refusal:
        asyncio.run(broker.open())
    text = str(refusal.value)
    assert text.startswith("amqp: must name a vhost, and a user with its password who may configure, write and read")
    assert f"got amqp://guest:…@{place}/{vhost}: " in text
    assert said in text
    assert "wrong-one" not in text


def test_queues_of_another_kind_than_the_one_asked_for_are_not_waited_for(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker) -> None:
        asked = RabbitRig(rig.server, "quorum").broker()
        with pytest.raises(QueueUnfit, match=r"^queue_type: must be .* got quorum, and swarm\.dead exists otherwise: "):
            await asked.open()

    perform(rig, story)
