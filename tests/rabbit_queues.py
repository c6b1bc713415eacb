"""Empties the service's queues on a broker, so that a test meets nothing of the one before."""

from __future__ import annotations

import aiormq

from actors.addresses import all_shards
from actors.settings import Settings

SHARDS: int = Settings.model_fields["shards"].default
"""The tests use the default number of shards, or fewer."""


async def delete_queues(url: str) -> None:
    """Delete the queues of shards and the dead letters, with what is in them; those that do not exist as well."""
    connection = await aiormq.connect(url)
    try:
        channel = await connection.channel()
        for queue in (*(f"swarm.{shard}" for shard in all_shards(SHARDS)), "swarm.dead"):
            await channel.queue_delete(queue)
    finally:
        await connection.close()
