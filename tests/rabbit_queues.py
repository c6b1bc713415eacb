"""The service's queues on a broker: emptied, so that a test meets nothing of the one before, and counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiormq
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic

from actors.addresses import all_shards
from actors.envelope_json import BUNDLE_TYPE, decode_envelopes
from actors.messages.runtime import Sounding
from actors.settings import Settings

SHARDS: int = Settings.model_fields["shards"].default
"""The tests use the default number of shards, or fewer."""


async def delete_queues(url: str) -> None:
    """Delete the queues of shards and the dead letters, with what is in them; those that do not exist as well."""
    async with _channel(url) as channel:
        for queue in _queues(SHARDS):
            await channel.queue_delete(queue)


async def messages_left(url: str, shards: int = SHARDS) -> list[str]:
    """What the queues of shards and dead letters hold, in words; all of it stays there. All must exist.

    Left out are soundings, which say nothing: a shard whose process is told to end just then may leave one.
    """
    left = []
    async with _channel(url) as channel:
        for queue in _queues(shards):
            while isinstance((message := await channel.basic_get(queue)).delivery, Basic.GetOk):
                if not _says_nothing(message):
                    left.append(f"queue {queue}: {message.header.properties.headers} {message.body[:500]!r}")
    return left


def _says_nothing(message: DeliveredMessage) -> bool:
    if message.header.properties.content_type != BUNDLE_TYPE:
        return False
    return all(isinstance(envelope.message, Sounding) for envelope in decode_envelopes(message.body))


def _queues(shards: int) -> list[str]:
    return [*(f"swarm.{shard}" for shard in all_shards(shards)), "swarm.dead"]


@asynccontextmanager
async def _channel(url: str) -> AsyncIterator[AbstractChannel]:
    connection = await aiormq.connect(url.split(",")[0])  # any node of a cluster knows the same
    try:
        yield await connection.channel()
    finally:
        await connection.close()
