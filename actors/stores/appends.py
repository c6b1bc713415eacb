"""What a transaction appends to each shard, checked."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from actors.store import ShardAppend


def by_shard(appends: Sequence[ShardAppend]) -> list[ShardAppend]:
    """One append a shard, however many were gathered. Raises ValueError for entries that do not count up by one."""
    merged: dict[tuple[str, int], ShardAppend] = {}
    for append in appends:
        key = append.shard, append.epoch
        before = merged.get(key)
        merged[key] = append if before is None else replace(append, entries=[*before.entries, *append.entries])
    for append in merged.values():
        first = append.entries[0].seq if append.entries else 0
        if any(entry.seq != seq for seq, entry in enumerate(append.entries, start=first)):
            raise ValueError(f"the entries of shard {append.shard} do not count up by one")
    return list(merged.values())
