"""What a store needs beside its commits: to be used with the shards it was made with, and to forget old messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from actors.addresses import SCHEDULER, kind_of_shard
from actors.errors import StoreUnavailable, WrongShards
from actors.runtime import Runtime
from actors.store import Store

log = structlog.get_logger(__name__)

INBOX_KEPT_S = 7 * 86_400.0
"""How long the ids of received messages are kept (s): longer than any broker holds an unsettled message."""

TIDY_EVERY_S = 600.0
"""How often older ones are dropped (s)."""


async def refuse_other_shards(store: Store, deployment: Sequence[str]) -> None:
    """With another number of shards, actors would be looked for where they are not. Raises WrongShards."""
    known = await store.shards()
    if known and known != set(deployment):
        per_kind = sum(kind_of_shard(name) == "agent" for name in known)
        wanted = sum(kind_of_shard(name) == "agent" for name in deployment)
        raise WrongShards(
            f"shards: this store was made with {per_kind} shards per kind and cannot be used with {wanted}; "
            f"set SWARMPILOT_SHARDS={per_kind}, or use another store"
        )


async def tidy(store: Store, runtime: Runtime, clock: Callable[[], float]) -> None:
    """Forget the ids of old messages, now and again; of several processes the one with the scheduler does it."""
    while True:
        try:
            if runtime.hosts(SCHEDULER):
                await store.forget_received(clock() - INBOX_KEPT_S)
        except StoreUnavailable as error:
            log.warning("old message ids stay for now", reason=str(error))
        await asyncio.sleep(TIDY_EVERY_S)
