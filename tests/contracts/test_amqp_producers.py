"""Strangers on RabbitMQ: producers with their commands and answers, listeners with their facts, the dead letters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pamqp.commands import Basic

from actors.addresses import Address, ReturnAddress, agent, dispatcher, queue_of, shard_of
from actors.dead_letters import DeadLetter, Failure
from actors.envelope import Announcement, Envelope
from actors.envelope_json import BUNDLE_TYPE, encode_envelope, join_envelopes
from actors.messages.answers import StrategySet, TaskAccepted
from actors.messages.dispatcher import AttendInstance
from actors.messages.scheduler import SetStrategy
from actors.settings import Settings
from gateway.assembly import behaviours
from gateway.config_file import read_config
from gateway.service import Service
from rabbitmq import RabbitBroker
from rabbitmq.broker import DeadDelivery
from tests.contracts.broker_rigs import SHARDS, Kept, RabbitRig, Stranger
from tests.rabbit_server import RabbitServer
from tests.verifying import must_be_sound

AGENT = agent("worker-1")
QUEUE = queue_of(AGENT, SHARDS)

Story = Callable[[RabbitBroker, Stranger], Awaitable[None]]


@pytest.fixture
def rig(rabbit: RabbitServer) -> RabbitRig:
    return RabbitRig(rabbit)


def perform(rig: RabbitRig, story: Story) -> None:
    async def run() -> None:
        broker = rig.broker()
        await broker.open()
        try:
            await broker.declare([QUEUE])
            async with Stranger(rig.server.url) as stranger:
                await story(broker, stranger)
        finally:
            await broker.close()

    asyncio.run(run())


def test_a_command_reaches_the_scheduler_and_its_answer_the_producer(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker, producer: Stranger) -> None:
        kept = Kept()
        await broker.receive("swarm.scheduler", kept)
        await producer.command(b"set weighted", reply_to=producer.queue, correlation="c-1")
        [asked] = await kept.have(1)
        assert isinstance(asked.message, SetStrategy)
        assert asked.message.name == "weighted"
        assert asked.reply_to == ReturnAddress(Address("producer", producer.queue), "c-1")
        assert not kept.deliveries[0].redeliverable

        await broker.publish([Envelope("c-1", asked.reply_to.to, StrategySet("weighted", "", "fair"))])
        answer = await producer.next()
        assert answer.header.properties.correlation_id == "c-1"
        assert answer.header.properties.content_type == "application/json"
        assert json.loads(answer.body) == {"type": "StrategySet", "name": "weighted", "model_name": "", "order": "fair"}

    perform(rig, story)


def test_several_commands_in_one_message_are_answered_each_on_its_own(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker, producer: Stranger) -> None:
        kept = Kept()
        await broker.receive("swarm.scheduler", kept)
        await producer.command(b"set weighted random", reply_to=producer.queue, correlation="c-1")
        asked = await kept.have(2)
        assert [envelope.message.name for envelope in asked if isinstance(envelope.message, SetStrategy)] == [
            "weighted",
            "random",
        ]
        assert [envelope.reply_to.correlation for envelope in asked if envelope.reply_to] == ["c-1:0", "c-1:1"]
        assert len({envelope.id for envelope in asked}) == 2
        assert len(kept.deliveries) == 1, "they are taken in together, or not at all"

    perform(rig, story)


def test_answers_use_direct_reply_to_as_well(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker, producer: Stranger) -> None:
        kept = Kept()
        await broker.receive("swarm.scheduler", kept)
        await producer.read("amq.rabbitmq.reply-to")
        await producer.command(b"set weighted", reply_to="amq.rabbitmq.reply-to", correlation="c-2")
        [asked] = await kept.have(1)
        assert asked.reply_to is not None
        await broker.publish([Envelope("c-2", asked.reply_to.to, TaskAccepted("t", ""))])
        assert json.loads((await producer.next()).body)["task_id"] == "t"

    perform(rig, story)


def test_a_command_delivered_again_has_the_same_identity_and_another_has_not(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker, producer: Stranger) -> None:
        kept = Kept(settles=False)
        await broker.receive("swarm.scheduler", kept)
        await producer.command(b"set weighted", message_id="p-1")
        await kept.have(1)
        kept.deliveries[0].put_back()
        await kept.have(2)
        await producer.command(b"set weighted", message_id="p-2")
        first, again, other = await kept.have(3)
        assert isinstance(first.message, SetStrategy)
        assert isinstance(other.message, SetStrategy)
        assert first == again
        assert first.message.model_name  # where the rig's translation shows the identity
        assert other.message.model_name not in ("", first.message.model_name)

    perform(rig, story)


def test_an_invalid_command_goes_to_the_dead_letters_with_its_reason_and_is_answered(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker, producer: Stranger) -> None:
        kept = Kept()
        await broker.receive("swarm.scheduler", kept)
        await producer.command(b"{nonsense", reply_to=producer.queue, correlation="c-3")
        answer = await producer.next()
        reason = "body: must be `set NAME`, got b'{nonsense'"
        assert answer.header.properties.correlation_id == "c-3"
        assert json.loads(answer.body) == {"type": "Refused", "code": "invalid", "reason": reason}

        await producer.read("swarm.dead")
        dead = await producer.next()
        assert dead.body == b"{nonsense"
        assert (dead.header.properties.headers or {})["x-reason"] == reason
        await producer.command(b"set weighted")
        assert len(await kept.have(1)) == 1

    perform(rig, story)


def test_several_commands_whose_answers_could_not_be_told_apart_are_refused(rig: RabbitRig) -> None:
    """AMQP's limit for a correlation id is 255 bytes, and theirs are longer than the message's."""

    async def story(broker: RabbitBroker, producer: Stranger) -> None:
        kept, correlation = Kept(), "é" * 127
        await broker.receive("swarm.scheduler", kept)
        await producer.command(b"set weighted random", reply_to=producer.queue, correlation=correlation)
        answer = await producer.next()
        assert answer.header.properties.correlation_id == correlation
        assert json.loads(answer.body)["reason"].startswith("correlation_id: must be at most 253 bytes long")
        await producer.command(b"set weighted", reply_to=producer.queue, correlation=correlation)
        assert len(await kept.have(1)) == 1

    perform(rig, story)


def test_an_answer_that_cannot_be_written_holds_up_no_other(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker, producer: Stranger) -> None:
        to = Address("producer", producer.queue)
        await broker.publish([Envelope(id_, to, TaskAccepted("t", "")) for id_ in ("c" * 256, "c-4")])
        assert (await producer.next()).header.properties.correlation_id == "c-4"

    perform(rig, story)


def test_an_invalid_command_that_wants_no_answer_is_buried_all_the_same(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker, producer: Stranger) -> None:
        await broker.receive("swarm.scheduler", Kept())
        await producer.read("swarm.dead")
        await producer.command(b"")
        assert (await producer.next()).body == b""

    perform(rig, story)


def test_a_command_that_is_of_no_use_any_more_is_no_dead_letter(rig: RabbitRig) -> None:
    """Its sender said for how long it would be; a worker that is not answered in time asks again, for one."""

    async def story(broker: RabbitBroker, producer: Stranger) -> None:
        properties = Basic.Properties(expiration="1")
        await producer.channel.basic_publish(b"set late", exchange="swarm.commands", properties=properties)
        async with asyncio.timeout(30):
            while not (await producer.channel.queue_declare("swarm.dead", passive=True)).message_count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        letters: asyncio.Queue[DeadDelivery] = asyncio.Queue()
        await broker.receive("swarm.scheduler", Kept())
        await broker.receive_dead(letters.put_nowait)
        await producer.command(b"{nonsense")
        async with asyncio.timeout(30):
            first = await letters.get()
        assert first.letter.body == b"{nonsense"
        first.settle()

    perform(rig, story)


@pytest.mark.parametrize(
    "body", [b'{"task_id": "\xff"}', b'{"task_id": "\\u0000"}', b"[" * 100_000, b"\xff\xfe", b"", b"[1]"]
)
def test_whatever_lies_among_the_dead_letters_becomes_one_and_what_lies_behind_it_too(
    rig: RabbitRig, body: bytes
) -> None:
    async def story(broker: RabbitBroker, producer: Stranger) -> None:
        letters: asyncio.Queue[DeadDelivery] = asyncio.Queue()
        await broker.receive("swarm.scheduler", Kept())
        await broker.receive_dead(letters.put_nowait)
        bodies = [body, b"{nonsense"]
        for sent in bodies:
            await producer.command(sent)
        async with asyncio.timeout(30):
            found = [await letters.get() for _ in bodies]
        assert {each.letter.body for each in found} == set(bodies)
        for each in found:
            each.settle()

    perform(rig, story)


@pytest.mark.parametrize("body", [b"not json", b"[[1]]", b'[["i","agent","a",null,"NoSuchMessage",{}]]', b"{}"])
def test_a_bundle_that_cannot_be_read_goes_to_the_dead_letters(rig: RabbitRig, body: bytes) -> None:
    async def story(broker: RabbitBroker, stranger: Stranger) -> None:
        await broker.receive(QUEUE, Kept())
        await stranger.read("swarm.dead")
        properties = Basic.Properties(content_type=BUNDLE_TYPE)
        await stranger.channel.basic_publish(body, routing_key=QUEUE, properties=properties)
        dead = await stranger.next()
        assert dead.body == body
        assert "bundle of envelopes" in str((dead.header.properties.headers or {})["x-reason"])

    perform(rig, story)


def test_answers_to_those_who_have_gone_are_dropped(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker, _: Stranger) -> None:
        await broker.publish([Envelope("c", Address("producer", "gone"), TaskAccepted("t", ""))])
        await broker.publish([Envelope("c", Address("gateway", "gone"), TaskAccepted("t", ""))])

    perform(rig, story)


def test_announcements_reach_the_queues_bound_to_their_topic(rig: RabbitRig) -> None:
    async def story(broker: RabbitBroker, listener: Stranger) -> None:
        assert broker.announces
        await listener.channel.queue_bind(listener.queue, "swarm.events", routing_key="task.completed.*")
        await broker.announce(
            [
                Announcement("a-1", "task.queued.gpt-4", b"[1]"),
                Announcement("a-2", "task.completed.gpt-4", b"[2]"),
                Announcement("a-3", "task.completed.llama", b"[3]"),
            ]
        )
        arrived = [await listener.next(), await listener.next()]
        assert [message.body for message in arrived] == [b"[2]", b"[3]"]
        assert (arrived[0].header.properties.headers or {})["x-id"] == "a-2"

    perform(rig, story)


def test_what_a_producer_publishes_again_has_its_effect_again_and_breaks_no_rule(
    rabbit: RabbitServer, tmp_path: Path
) -> None:
    """A strategy that is set once more, after another: to all appearance the same message as before."""
    settings = Settings(store=f"sqlite:///{tmp_path / 'tasks.db'}", amqp=rabbit.url, grpc_port=0)

    async def set_strategies() -> None:
        service = Service(settings)
        await service.start()
        try:
            async with Stranger(rabbit.url) as producer:
                for name in ("weighted", "round_robin", "weighted"):
                    body = b'{"type":"SetStrategy","name":"%s"}' % name.encode()
                    await producer.command(body, reply_to=producer.queue, correlation=name, message_id=name)
                    assert json.loads((await producer.next()).body)["name"] == name
        finally:
            await service.stop()
        await must_be_sound(tmp_path / "tasks.db", behaviours(settings, read_config(None)))

    asyncio.run(set_strategies())


def test_a_bundle_that_is_replayed_has_no_effect_where_it_had_its_effect_already(
    rabbit: RabbitServer, tmp_path: Path
) -> None:
    """Messages of the service that RabbitMQ gave up after all, to an actor that lives where they are replayed."""
    settings = Settings(store=f"sqlite:///{tmp_path / 'tasks.db'}", amqp=rabbit.url, grpc_port=0)
    to = dispatcher("i")

    def attend(id_: str) -> Envelope:
        return Envelope(id_, to, AttendInstance("i", "127.0.0.1", 9, "m", 1, "submit"))

    async def causes(service: Service, last: str) -> list[str]:
        store = service._foundation.store
        async with asyncio.timeout(30):
            while True:
                entries = [entry async for entry in store.journal(shard_of(to, settings.shards), 0)]
                found = [entry.cause for entry in entries if entry.kind == "InstanceAttended"]
                if last in found:
                    return found
                await asyncio.sleep(0.01)

    async def story() -> None:
        first = Service(settings)
        await first.start()
        await first._foundation.broker.publish([attend("m-1")])
        await causes(first, "m-1")
        await first.stop()
        second = Service(settings)
        await second.start()
        body = join_envelopes([encode_envelope(attend("m-1"))])
        await second._foundation.dead.replay(DeadLetter("l", "bundle", "", "", "", body, (Failure(1.0, "given up"),)))
        await second._foundation.broker.publish([attend("m-2")])
        assert await causes(second, "m-2") == ["m-1", "m-2"]
        await second.stop()

    asyncio.run(story())
