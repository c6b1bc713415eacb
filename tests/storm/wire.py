"""The wire between two hosts: it carries every packet as it is, late, or not at all, as it is told."""

from __future__ import annotations

import heapq
import os
import random
import selectors
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

LARGEST = 65_536


@dataclass(frozen=True, slots=True)
class Quality:
    """What happens to packets. `lost`: the share that does not arrive; `lost_back`: of those to the first host.

    They take `latency_s`, more or less by `jitter_s` (s), so that they overtake each other.
    """

    lost: float = 0.0
    lost_back: float = 0.0
    latency_s: float = 0.0
    jitter_s: float = 0.0


class Wire:
    """Between two descriptors that give and take packets. `quality` may be changed at any time, from any thread."""

    def __init__(self, first: int, second: int) -> None:
        self.quality = Quality()
        self.carried = 0
        self._first, self._second = first, second
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._numbers = count()
        self._is_open = True
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def open(self) -> None:
        """Carry from now on."""
        self._thread.start()

    def close(self) -> None:
        """Carry no more; the descriptors are no longer used."""
        self._is_open = False
        if self._thread.is_alive():
            self._thread.join()

    def _carry(self) -> None:
        ends = selectors.DefaultSelector()
        for end in (self._first, self._second):
            ends.register(end, selectors.EVENT_READ)
        while self._is_open:
            for key, _ in ends.select(self._pause()):
                self._take(key.fd)
            while self._under_way and self._under_way[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(self._under_way)
                _put(end, packet)
        ends.close()

    def _pause(self) -> float:
        return min(0.2, max(0.0, self._under_way[0][0] - time.monotonic())) if self._under_way else 0.2

    def _take(self, end: int) -> None:
        quality = self.quality
        other, lost = (self._second, quality.lost) if end == self._first else (self._first, quality.lost_back)
        with suppress(OSError):  # nothing more to read for now, or the link is down
            while packet := os.read(end, LARGEST):
                if lost and random.random() < lost:
                    continue
                self.carried += 1
                if not quality.latency_s:
                    _put(other, packet)
                    continue
                late = max(0.0, quality.latency_s + random.uniform(-quality.jitter_s, quality.jitter_s))
                heapq.heappush(self._under_way, (time.monotonic() + late, next(self._numbers), other, packet))


def _put(end: int, packet: bytes) -> None:
    with suppress(OSError):  # its link is down
        os.write(end, packet)
