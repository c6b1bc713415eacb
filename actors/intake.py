"""What of all that has arrived is to be decided: each message once, none that broke an actor, none of strangers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import structlog

from actors.addresses import Address
from actors.behaviour import Recalled
from actors.broker import Delivery
from actors.dead_letters import letter_of
from actors.envelope import Envelope
from actors.messages.runtime import Sounding
from actors.shard import Shard
from actors.store import TaskReader
from actors.vitals import Vitals

log = structlog.get_logger(__name__)

REMEMBERED = 20_000
"""Message ids kept in memory, to drop most repeats without asking the store."""


class Intake:
    """Knows the newest ids that have had their effect; the store knows the others, and refuses them."""

    def __init__(self, find_shard: Callable[[Address], Shard | None], reader: TaskReader, vitals: Vitals) -> None:
        self._find_shard = find_shard
        self._reader = reader
        self._vitals = vitals
        self._seen: set[str] = set()
        self._seen_order: deque[str] = deque()
        self._set_aside: set[str] = set()

    def fresh(self, deliveries: Iterable[Delivery]) -> list[Envelope]:
        """The messages that have not had their effect before, each once."""
        fresh: dict[str, Envelope] = {}
        for delivery in deliveries:
            for envelope in delivery.envelopes:
                if isinstance(envelope.message, Sounding):
                    continue
                if self._is_strange(envelope):
                    log.warning("dropped a message of another store's actors", id=envelope.id, to="/".join(envelope.to))
                elif envelope.id in self._seen:
                    self._vitals.counts["message repeated"] += 1
                elif envelope.id not in self._set_aside:
                    fresh.setdefault(envelope.id, envelope)
        return list(fresh.values())

    def to_remember(self, deliveries: Iterable[Delivery]) -> list[str]:
        """The ids that the inbox has to keep: of what would come again if the process died, each once."""
        # What was delivered again may come in one turn with what was published again.
        # And who replays a dead letter may do so twice.
        ids = dict.fromkeys(
            envelope.id
            for delivery in deliveries
            for envelope in delivery.envelopes
            if (delivery.redeliverable and not isinstance(envelope.message, Sounding))
            or letter_of(envelope.id) is not None
        )
        return [message_id for message_id in ids if message_id not in self._seen]

    def remember(self, ids: Iterable[str]) -> None:
        """These have had their effect."""
        for message_id in ids:
            self._seen.add(message_id)
            self._seen_order.append(message_id)
        while len(self._seen_order) > REMEMBERED:
            self._seen.discard(self._seen_order.popleft())

    def replayed(self, deliveries: Iterable[Delivery]) -> list[str]:
        """The dead letters that have their effect by these messages."""
        ids = (envelope.id for delivery in deliveries for envelope in delivery.envelopes)
        letters = (letter_of(id_) for id_ in ids if id_ not in self._set_aside and id_ not in self._seen)
        return [letter for letter in letters if letter is not None]

    def set_aside(self, message_id: str) -> None:
        """This one broke an actor: never again."""
        self._set_aside.add(message_id)

    async def recall(self, envelopes: Sequence[Envelope]) -> dict[str, Recalled]:
        """What the store knows of the tasks that these messages are to be decided with."""
        asked: dict[str, None] = {}
        for envelope in envelopes:
            shard = self._find_shard(envelope.to)
            task_id = shard.behaviour.recall(envelope.message) if shard is not None else None
            if task_id is not None:
                asked[task_id] = None
        known = await self._reader.known(list(asked)) if asked else {}
        return {task_id: Recalled(*recalled) for task_id, recalled in known.items()}

    def _is_strange(self, envelope: Envelope) -> bool:
        """Whether it was left in a queue by actors whose store is not ours: they mean other tasks."""
        shard = self._find_shard(envelope.to)
        return shard is not None and envelope.store_id not in ("", shard.store_id)
