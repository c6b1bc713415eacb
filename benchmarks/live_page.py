"""How the running service compares with the simulator, as Markdown between two marks of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page_sections import put_between
from simulation.figures import Spread
from simulation.fleet import Fleet

PAGE = Path("docs/placement.md")
BEGIN, END = "<!-- live -->", "<!-- /live -->"


@dataclass(frozen=True, slots=True)
class Compared:
    """One run of both: latencies in seconds of the trace. `overhead_ms` and `late_ms` are true milliseconds a task.

    `with_overhead` is simulated once more, every task taking the mean overhead longer: what is left of the difference
    then is not the overhead's.

    `overhead_ms` is what was neither waiting for a place nor service, `late_ms` how late the load generator sent it.
    """

    fleet: Fleet
    load: float
    seed: int
    tasks: int
    live: Spread
    simulated: Spread
    with_overhead: Spread
    overhead_ms: float
    late_ms: float

    @property
    def apart(self) -> float:
        """By what part the live mean is above the simulated one."""
        return self.live.mean / self.simulated.mean - 1.0

    @property
    def cells(self) -> list[str]:
        """What a table says of it: live beside simulated."""
        values = (
            (live, simulated) for live, simulated in zip(_values(self.live), _values(self.simulated), strict=True)
        )
        equal = "equal" if len(set(self.fleet.speeds)) == 1 else "unequal"
        return [
            equal,
            f"{self.load:g}",
            f"{self.seed}",
            f"{self.tasks}",
            *(f"{live:.2f} / {simulated:.2f}" for live, simulated in values),
            f"{self.apart:+.1%}",
            f"{self.overhead_ms:.1f}",
            f"{self.live.mean / self.with_overhead.mean - 1.0:+.1%}",
        ]


HEADERS = (
    "instances",
    "load",
    "seed",
    "tasks",
    "mean",
    "p50",
    "p95",
    "p99",
    "mean apart",
    "overhead (ms)",
    "apart, overhead simulated",
)


def rewrite(page: Path, title: str, compared: Sequence[Compared]) -> None:
    """Replace what stands between the marks. Raises ValueError where the page has none."""
    put_between(page, BEGIN, END, markdown(title, compared))


def markdown(title: str, compared: Sequence[Compared]) -> str:
    """A row a run: live / simulated."""
    rows = [f"| {' | '.join(HEADERS)} |", f"|{'---|' * 4}{'--:|' * (len(HEADERS) - 4)}"]
    rows += [f"| {' | '.join(one.cells)} |" for one in compared]
    worst = max(abs(one.apart) for one in compared)
    late = max(one.late_ms for one in compared)
    said = f"Means are at most {worst:.1%} apart; the load generator was late by {late:.1f} ms on average at most."
    return "\n".join([f"{title}. Live / simulated, seconds of the trace.", "", *rows, "", said])


def _values(of: Spread) -> tuple[float, float, float, float]:
    return of.mean, of.p50, of.p95, of.p99
