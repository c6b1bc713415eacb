"""A commit that failed may have been made all the same: the record itself tells."""

from __future__ import annotations

from actors.store import Store, Transaction


async def was_written(store: Store, transaction: Transaction) -> bool:
    """Whether the record holds this transaction, of which all or nothing is in it. Raises StoreUnavailable.

    One that only marks what was sent may count as not written: it is harmless to repeat.
    """
    if transaction.inbox:
        return bool(await store.received(transaction.inbox[:1]))
    for append in transaction.appends:
        if append.entries:
            last = append.entries[-1]
            return [entry async for entry in store.journal(append.shard, last.seq - 1)][:1] == [last]
    if transaction.outbox:
        rows = await store.outbox({row.shard for row in transaction.outbox})
        return transaction.outbox[0].id in {row.id for row in rows}
    return False
