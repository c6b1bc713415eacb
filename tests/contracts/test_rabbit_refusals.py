"""A message that RabbitMQ refuses (a nack, no lost connection) is published again, as long as there is time."""

from __future__ import annotations

import asyncio

import aiormq
from pamqp.common import FieldTable

from actors.addresses import agent, queue_of
from actors.envelope import Envelope
from actors.messages.agent import PreemptTask
from tests.contracts.broker_rigs import DEADLINE_S, SHARDS, Kept, RabbitRig
from tests.rabbit_server import RabbitServer

AGENT = agent("worker-1")
QUEUE = queue_of(AGENT, SHARDS)


def asked(name: str) -> Envelope:
    return Envelope(name, AGENT, PreemptTask(f"task-{name}", 1, 0, "urgent"))


async def declare_one_that_takes_a_single_message(url: str) -> None:
    connection = await aiormq.connect(url)
    channel = await connection.channel()
    arguments: FieldTable = {"x-queue-type": "classic", "x-max-length": 1, "x-overflow": "reject-publish"}
    await channel.queue_declare(QUEUE, durable=True, arguments=arguments)
    await connection.close()


def test_it_is_taken_as_soon_as_there_is_room(rabbit: RabbitServer) -> None:
    async def run() -> None:
        await declare_one_that_takes_a_single_message(rabbit.url)
        broker = RabbitRig(rabbit).broker()
        await broker.open()
        try:
            await broker.declare([QUEUE])
            await broker.publish([asked("first")])
            second = asyncio.create_task(broker.publish([asked("second")]))
            kept = Kept()
            await broker.receive(QUEUE, kept)
            assert [envelope.id for envelope in await kept.have(2)] == ["first", "second"]
            await asyncio.wait_for(second, DEADLINE_S)
        finally:
            await broker.close()

    asyncio.run(run())
