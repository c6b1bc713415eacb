"""The service's queues on a broker: emptied, so that a test meets nothing of the one before, and counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiormq
from aiormq.abc import AbstractChannel

from actors.addresses import all_shards
from actors.settings import Settings

SHARDS: int = Settings.model_fields["shards"].default
"""The tests use the default number of shards, or fewer."""

CATCHES_UP_S = 15.0


async def delete_queues(url: str) -> None:
    """Delete the queues of shards and the dead letters, with what is in them; those that do not exist as well."""
    async with _channel(url) as channel:
        for queue in _queues(SHARDS):
            await channel.queue_delete(queue)


async def messages_left(url: str, shards: int = SHARDS) -> dict[str, int]:
    """How many messages those of the queues of shards and dead letters hold that are not empty. All must exist.

    Of a quorum queue a replica may answer that has not caught up: what is left is there for longer than that.
    """
    deadline = time.monotonic() + CATCHES_UP_S
    async with _channel(url) as channel:
        while True:
            found = {name: (await channel.queue_declare(name, passive=True)).message_count for name in _queues(shards)}
            left = {name: count for name, count in found.items() if count}
            if not left or time.monotonic() > deadline:
                return left
            await asyncio.sleep(0.5)


async def first_left(url: str, queue: str) -> str:
    """The beginning of the message at the head of the queue, which stays there."""
    async with _channel(url) as channel:
        message = await channel.basic_get(queue)
        return f"{message.header.properties.headers} {message.body[:500]!r}"


def _queues(shards: int) -> list[str]:
    return [*(f"swarm.{shard}" for shard in all_shards(shards)), "swarm.dead"]


@asynccontextmanager
async def _channel(url: str) -> AsyncIterator[AbstractChannel]:
    connection = await aiormq.connect(url.split(",")[0])  # any node of a cluster knows the same
    try:
        yield await connection.channel()
    finally:
        await connection.close()
