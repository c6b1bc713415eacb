"""Sections of a run that are not to be interrupted: each keeps it from giving way for at most its own time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType

from actors.messages.tasks import SECTION_MS

log = logging.getLogger("swarmpilot")

LONGEST_NAME = 255

Clock = Callable[[], float]
"""Seconds that only grow."""


class Sections:
    """The sections that a run is inside of. Entered in the thread of the run, asked about in any."""

    def __init__(self, task_id: str, clock: Clock) -> None:
        self._task_id = task_id
        self._clock = clock
        self._entered: list[Section] = []

    def section(self, name: str, max_ms: float) -> Section:
        """A section to enter. Raises ValueError for a name or a time that it cannot have."""
        if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
            raise ValueError(f"name must be 1 to {LONGEST_NAME} printable characters, got {name!r}")
        if isinstance(max_ms, bool) or not isinstance(max_ms, int | float) or not 0 < max_ms <= SECTION_MS:
            raise ValueError(f"max_ms must be a number above 0 and at most {SECTION_MS:.0f}, got {max_ms!r}")
        return Section(self, name, float(max_ms))

    def deferring(self) -> tuple[str, float]:
        """The section that keeps the run for longest, and for how many ms more; "" and 0 where none does."""
        left = [(section.left_ms(self._clock()), section.name) for section in tuple(self._entered)]
        longest_ms, name = max(left, default=(0.0, ""))
        return (name, longest_ms) if longest_ms > 0 else ("", 0.0)

    def enter(self, section: Section) -> float:
        """The run is inside; since when (s)."""
        self._entered.append(section)
        return self._clock()

    def leave(self, section: Section) -> None:
        """The run is inside no longer."""
        section.left_ms(self._clock())
        self._entered.remove(section)

    def complain(self, section: Section, ms: float) -> None:
        """It has taken longer than it said."""
        log.warning(
            "section %s of task %s has taken %.0f ms, more than its max_ms of %g: it no longer keeps the task from "
            "giving way",
            section.name,
            self._task_id,
            ms,
            section.max_ms,
        )


class Section:
    """Use it with `async with` or `with`, once."""

    def __init__(self, sections: Sections, name: str, max_ms: float) -> None:
        self.name = name
        self.max_ms = max_ms
        self._sections = sections
        self._since_s = 0.0
        self._is_overrun = False

    def left_ms(self, now_s: float) -> float:
        """For how much longer it keeps the run; the first to see that it has been too long says so."""
        taken_ms = (now_s - self._since_s) * 1000.0
        if taken_ms > self.max_ms and not self._is_overrun:
            self._is_overrun = True
            self._sections.complain(self, taken_ms)
        return max(0.0, self.max_ms - taken_ms)

    def __enter__(self) -> None:
        self._since_s = self._sections.enter(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._sections.leave(self)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)
