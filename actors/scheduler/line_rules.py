"""What the orders of lines go by, and what waiting is worth against importance: aging, as a head start.

A task that gains a level of importance for each `aging_s` seconds that it waits goes before whatever is so many levels
above it and came so many times `aging_s` later. That is an order by the time of coming, moved by `aging_s` a level: it
never changes while they wait, so nothing has to be looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LineRules:
    """When a task without a deadline is taken to be due, and weights of clients other than 1.

    Where `aging_s` is above 0, it is worth a level of importance to have waited for so long, up to `aging_to`.
    """

    default_deadline_s: float = 600.0
    shares: Mapping[str, float] = field(default_factory=dict)
    aging_s: float = 0.0
    aging_to: int = 10

    def standing(self, priority: int) -> tuple[int, float]:
        """The level that a task of this priority stands on, and by how much it is set back there (s).

        With aging, all up to `aging_to` stand on one level, where none displaces another: who has risen by waiting is
        not thrown out again by those that it has passed.
        """
        if self.aging_s <= 0.0 or priority > self.aging_to:
            return priority, 0.0
        return self.aging_to, (self.aging_to - priority) * self.aging_s
