"""The yardstick for workers: consumes messages of a durable queue, acknowledges each, and does nothing with it.

`python -m benchmarks.bare_consumer URL QUEUE COUNT` prints a line when it consumes, and JSON when it has had `COUNT`.
"""

from __future__ import annotations

import asyncio
import sys
from time import monotonic, process_time

import aio_pika
import msgspec
from aio_pika.abc import AbstractIncomingMessage

PREFETCH = 256


class Consumed(msgspec.Struct):
    """`ended_at` is when the last message had been acknowledged; of the monotonic clock."""

    ended_at: float
    cpu_s: float


async def consume(url: str, name: str, messages: int) -> Consumed:
    """Take so many messages."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=PREFETCH)
        queue = await channel.declare_queue(name, durable=True)
        ended = asyncio.Event()
        left = messages

        async def take(message: AbstractIncomingMessage) -> None:
            nonlocal left
            await message.ack()
            left -= 1
            if not left:
                ended.set()

        await queue.consume(take)
        sys.stdout.write("consuming\n")
        sys.stdout.flush()
        used = process_time()
        await ended.wait()
        consumed = Consumed(monotonic(), process_time() - used)
        await queue.delete(if_unused=False, if_empty=False)
        return consumed


def main() -> None:
    """Consume as the command line says."""
    url, name, messages = sys.argv[1:]
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(consume(url, name, int(messages)))))


if __name__ == "__main__":
    main()
