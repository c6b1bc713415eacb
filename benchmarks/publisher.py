"""Publishes to RabbitMQ as `examples/amqp_producer.py` does, with confirms: tasks for the service, or bare messages.

A process of its own, which takes an order as JSON and prints what it saw as JSON. Both kinds of messages are
persistent, of the same size, and published by the same code, so that only what happens to them afterwards differs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from time import monotonic, process_time
from typing import Literal

import aio_pika
import msgspec
from aio_pika.abc import AbstractExchange

from benchmarks.load import task_input

WINDOW = 256
"""Messages that await their confirm at once."""


class PublishOrder(msgspec.Struct, kw_only=True):
    """`tasks`: SubmitTask commands for the agent `agent`, `together` in a message. `bare`: their inputs alone, to the
    queue `queue`. The last task is given the id `last_id`.
    """

    amqp: str
    kind: Literal["tasks", "bare"]
    messages: int
    together: int = 1
    agent: str = ""
    last_id: str = ""
    queue: str = ""


class Published(msgspec.Struct, kw_only=True):
    """Times are of the monotonic clock; `cpu_s` is the publisher's processor time."""

    began_at: float
    confirmed_at: float
    cpu_s: float


async def publish(order: PublishOrder) -> Published:
    """Publish everything, at most `WINDOW` without confirm at once."""
    connection = await aio_pika.connect(order.amqp)
    async with connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        if order.kind == "tasks":
            exchange: AbstractExchange = await channel.get_exchange("swarm.commands", ensure=False)
        else:
            exchange = channel.default_exchange
        numbers = iter(range(order.messages))
        used, began = process_time(), monotonic()
        await asyncio.gather(*(_submit(exchange, order, numbers) for _ in range(WINDOW)))
        return Published(began_at=began, confirmed_at=monotonic(), cpu_s=process_time() - used)


async def _submit(exchange: AbstractExchange, order: PublishOrder, numbers: Iterator[int]) -> None:
    for number in numbers:
        body, key = _message(order, number)
        message = aio_pika.Message(
            body, content_type="application/json", delivery_mode=aio_pika.DeliveryMode.PERSISTENT
        )
        await exchange.publish(message, routing_key=key, mandatory=True)


def _message(order: PublishOrder, number: int) -> tuple[bytes, str]:
    if order.kind == "bare":
        return task_input(number), order.queue
    agent, first, end = order.agent.encode(), number * order.together, order.messages * order.together
    commands = [
        b'{"type":"SubmitTask","agent_id":"%b","task_input":%b%b}'
        % (agent, task_input(n), b',"task_id":"%b"' % order.last_id.encode() if n == end - 1 else b"")
        for n in range(first, first + order.together)
    ]
    return (b"[%b]" % b",".join(commands) if order.together > 1 else commands[0]), "SubmitTask"


def main() -> None:
    """Carry out the order on the command line."""
    order = msgspec.json.decode(sys.argv[1], type=PublishOrder)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(publish(order))))


if __name__ == "__main__":
    main()
