"""Which deliveries of a channel are settled, and the fewest frames that tell the broker: a pure ledger."""

from __future__ import annotations


class Acknowledgements:
    """Delivery tags between arrival and acknowledgement. Tags count up from 1 on each channel."""

    __slots__ = ("_open", "_returned", "_settled")

    def __init__(self) -> None:
        self._open: dict[int, None] = {}  # ordered by arrival, so by tag
        self._settled: set[int] = set()
        self._returned: list[int] = []

    def __len__(self) -> int:
        return len(self._open)

    def arrived(self, tag: int) -> None:
        """A delivery is ours to settle."""
        self._open[tag] = None

    def settle(self, tag: int) -> None:
        """It has had its effect. Settling twice, or after a return, changes nothing."""
        if tag in self._open:
            self._settled.add(tag)

    def put_back(self, tag: int) -> None:
        """It goes back into the queue."""
        if tag in self._open and tag not in self._settled:
            del self._open[tag]
            self._returned.append(tag)

    def take_returns(self) -> list[int]:
        """Tags to give back. Tell the broker of these first: a `multiple` acknowledgement covers what is open."""
        returned, self._returned = self._returned, []
        return returned

    def take_settled(self) -> list[tuple[int, bool]]:
        """(tag, multiple) of each acknowledgement due: one for all that are settled from the oldest on, one each
        for those behind a gap."""
        if not self._settled:
            return []
        run = []
        for tag in self._open:
            if tag not in self._settled:
                break
            run.append(tag)
        due = [(run[-1], len(run) > 1)] if run else []
        due += [(tag, False) for tag in sorted(self._settled.difference(run))]
        for tag in self._settled:
            del self._open[tag]
        self._settled.clear()
        return due
