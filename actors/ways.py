"""Which shards of this process may hand their messages over to which: those between which nothing is on its way.

What one actor says to another has to come in the order in which it was said. Where a shard has just moved here, what
was said to it or by it may still wait in an outbox or in its queue, and what is handed over would overtake it. So
messages go over the broker behind that, until the newest of them has come: they keep their order there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

ANYBODY = ""
"""In place of the shard that sends: all of them."""


class Ways:
    """The ways on which something is, by the shards that send and receive, with the id of the newest message there."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], str] = {}
        self._way_of: dict[str, tuple[str, str]] = {}

    def is_clear(self, sender: str, receiver: str) -> bool:
        """Whether all has come that this sender has said to this receiver."""
        newest = self._newest
        return not newest or ((sender, receiver) not in newest and (ANYBODY, receiver) not in newest)

    def went(self, sender: str, receiver: str, message_id: str) -> None:
        """This is on its way over the broker now, behind all that was before."""
        before = self._newest.get((sender, receiver))
        if before is not None:
            del self._way_of[before]
        self._newest[sender, receiver] = message_id
        self._way_of[message_id] = (sender, receiver)

    def came(self, message_ids: Iterable[str]) -> None:
        """These have had their effect, each after all that was before it on its way."""
        if not self._newest:
            return
        for message_id in message_ids:
            way = self._way_of.pop(message_id, None)
            if way is not None:
                del self._newest[way]

    def forget(self, receivers: Collection[str]) -> None:
        """These are in this process no longer: whoever has them next hears what is on its way to them."""
        for way, message_id in list(self._newest.items()):
            if way[1] in receivers:
                del self._newest[way], self._way_of[message_id]
