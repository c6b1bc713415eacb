"""What the processes' metrics count of what should be rare, over all lives of each."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from urllib.error import URLError
from urllib.request import urlopen

_RARE = re.compile(r'^swarmpilot_rare_events_total\{event="([^"]+)"\} ([0-9.e+]+)', re.M)


class RareEvents:
    """Reads the metrics at these URLs; what a process counts in the last second before it is killed is lost."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls
        self._past: Counter[str] = Counter()
        self._last: dict[str, dict[str, float]] = {}

    async def watch(self) -> None:
        """Look every second, at each by itself: a process that is frozen does not answer."""
        await asyncio.gather(*(self._watch(url) for url in self._urls))

    async def look(self) -> None:
        """Look once more, at all of them."""
        await asyncio.gather(*(self._look_at(url) for url in self._urls))

    def counts(self) -> dict[str, float]:
        """All of it."""
        total = Counter(self._past)
        for counts in self._last.values():
            total.update(counts)
        return dict(total)

    async def _watch(self, url: str) -> None:
        while True:
            await self._look_at(url)
            await asyncio.sleep(1.0)

    async def _look_at(self, url: str) -> None:
        text = await asyncio.to_thread(metrics_of, url)
        if not text:
            return
        counts = {event: float(count) for event, count in _RARE.findall(text)}
        last = self._last.get(url, {})
        if any(counts.get(event, 0.0) < count for event, count in last.items()):
            self._past.update(last)  # another process
        self._last[url] = counts


def metrics_of(url: str) -> str:
    """GET /metrics; empty where nobody answers."""
    try:
        with urlopen(f"{url}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except (URLError, OSError):
        return ""
