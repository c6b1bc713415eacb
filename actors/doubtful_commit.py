"""Whether a commit that was reported as failed was written all the same: its connection may have broken after it."""

from __future__ import annotations

from actors.store import Store, Transaction


async def is_written(store: Store, transaction: Transaction) -> bool:
    """Looks for anything that only this transaction can have written; False where it would have left no trace of it.

    Raises StoreUnavailable.
    """
    for append in transaction.appends:
        if append.entries:
            last = append.entries[-1]
            async for entry in store.journal(append.shard, last.seq - 1):
                return entry == last
            return False
    if transaction.outbox:
        row = transaction.outbox[0]
        return row.id in {stored.id for stored in await store.outbox([row.shard])}
    if transaction.inbox:
        return bool(await store.received(transaction.inbox[:1]))
    return False
