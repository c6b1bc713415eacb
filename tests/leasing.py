"""Shards for tests that need no living process to own them."""

from __future__ import annotations

from collections.abc import Sequence

from actors.addresses import all_shards
from actors.leases import Lease, Leases, Member
from actors.store import Store


async def own(store: Store, shards: Sequence[str], owner: str) -> dict[str, Lease]:
    """Become the owner of these, and live no longer: whoever comes next may have them as well."""
    if not await store.shards():
        await store.join(Member(owner, frozenset()), all_shards(8), ttl=0.0)
    return await store.acquire(shards, owner)


async def take_from(store: Leases, holder: str, shards: Sequence[str], owner: str) -> dict[str, Lease]:
    """Become the owner of what the living `holder` has: it is given up, and does not know it yet."""
    await store.leave(holder)
    return await store.acquire(shards, owner)
