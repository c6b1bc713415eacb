"""What can go wrong between the actors and the world, by who has to act."""

from __future__ import annotations

from collections.abc import Collection


class SwarmPilotError(Exception):
    """The root of all errors of the service."""


class BrokerUnavailable(SwarmPilotError):
    """The broker cannot be reached or did not confirm in time; nothing may be assumed sent. Retry later."""


class BrokerUnfit(BrokerUnavailable):
    """The broker answers and refuses this process as it is configured; waiting does not mend it."""


class QueueUnfit(BrokerUnfit):
    """A queue exists on the broker with other properties than those asked for."""


class NoSuchQueue(BrokerUnavailable):
    """Nobody receives there (an attached worker that has gone): surely nothing was sent."""


class AnswerTimeout(SwarmPilotError):
    """Asked, and no answer in time. The request may still be carried out; a retry with the same id is safe."""


class StoreUnavailable(SwarmPilotError):
    """The store cannot be read or written now."""


class StoreUnfit(StoreUnavailable):
    """The store answers and is not such that it may be used; waiting does not mend it."""


class StoreInUse(SwarmPilotError):
    """Another process has this store open; two would overwrite each other."""


class WrongShards(SwarmPilotError):
    """The store was made with another number of shards than the one configured."""


class Fenced(SwarmPilotError):
    """Another owner has taken these shards: this one's writes no longer count. Drop their state."""

    def __init__(self, shards: Collection[str]) -> None:
        super().__init__(f"another process now owns {', '.join(sorted(shards))}")
        self.shards = frozenset(shards)


class AlreadyReceived(SwarmPilotError):
    """These message ids have had their effect before; nothing of the transaction was written."""

    def __init__(self, ids: Collection[str]) -> None:
        super().__init__(f"{len(ids)} message(s) already received, first {next(iter(ids), '')}")
        self.ids = frozenset(ids)
