"""The service's queues on a broker: emptied, so that a test meets nothing of the one before, and counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiormq
from aiormq.abc import AbstractChannel

from actors.addresses import all_shards
from actors.settings import Settings

SHARDS: int = Settings.model_fields["shards"].default
"""The tests use the default number of shards, or fewer."""


async def delete_queues(url: str) -> None:
    """Delete the queues of shards and the dead letters, with what is in them; those that do not exist as well."""
    async with _channel(url) as channel:
        for queue in _queues(SHARDS):
            await channel.queue_delete(queue)


async def messages_left(url: str, shards: int = SHARDS) -> int:
    """How many messages the queues of shards and the dead letters hold. All must exist."""
    async with _channel(url) as channel:
        return sum([(await channel.queue_declare(name, passive=True)).message_count or 0 for name in _queues(shards)])


def _queues(shards: int) -> list[str]:
    return [*(f"swarm.{shard}" for shard in all_shards(shards)), "swarm.dead"]


@asynccontextmanager
async def _channel(url: str) -> AsyncIterator[AbstractChannel]:
    connection = await aiormq.connect(url.split(",")[0])  # any node of a cluster knows the same
    try:
        yield await connection.channel()
    finally:
        await connection.close()
