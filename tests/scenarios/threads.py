"""Threads that work until they are told to stop, as several clients at once do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Self


class Threads:
    """One for each job, while its `with` block lasts. A job returns soon after `stopping` is set."""

    def __init__(self, jobs: Iterable[Callable[[], None]]) -> None:
        self.stopping = threading.Event()
        self._threads = [threading.Thread(target=job) for job in jobs]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join(30)
