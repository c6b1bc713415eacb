"""What the runs came to, in figures; and one run in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actors.stores.sqlite import reads

if TYPE_CHECKING:
    from tests.deterministic.plan import Plan
    from tests.deterministic.world import Outcome, World


BEGIN, END = "<!-- simulation -->", "<!-- /simulation -->"


@dataclass(slots=True)
class Sum:
    """Of many runs. `first_failed` is a seed, -1 for none."""

    seeds: int = 0
    failed: int = 0
    first_failed: int = -1
    tasks: int = 0
    virtual_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """One more."""
        self.seeds += 1
        self.tasks += outcome.tasks
        self.virtual_s += outcome.seconds
        self.faults += outcome.faults
        if outcome.wrong:
            self.failed += 1
            self.first_failed = outcome.seed if self.first_failed < 0 else self.first_failed


def figure_lines(figures: Sum, real_s: float) -> list[str]:
    """All of them, one a line: what it is, two spaces or more, how many."""
    rate = figures.seeds / real_s
    head = {
        "seeds": f"{figures.seeds:,}",
        "failed": f"{figures.failed:,}",
        "tasks": f"{figures.tasks:,}",
        "virtual hours": f"{figures.virtual_s / 3600:,.1f}",
        "real seconds": f"{real_s:,.0f}",
        "seeds a second": f"{rate:,.1f}",
    }
    faults = {kind: f"{count:,}" for kind, count in sorted(figures.faults.items())}
    return [f"{name:<30}  {figure}" for name, figure in (head | faults).items()]


def table(lines: Sequence[str]) -> str:
    """The same for a page."""
    cells = [line.split("  ", 1) for line in lines]
    return "\n".join(["| | |", "|---|---:|", *(f"| {name.strip()} | {figure.strip()} |" for name, figure in cells)])


def print_plan(plan: Plan, world: World, tasks: Sequence[str]) -> None:
    """The plan, part by part, and what the record says of these tasks after it was run."""
    print(f"\nthe deployment: {plan.layout}\n\nwhat happens:")
    for item in plan.items:
        print(f"  {item}")
    for task_id in tasks:
        print(f"\nthe story of {task_id}:")
        for entry in world.database.run(reads.story, task_id):
            said = entry.body.decode()[:160]
            print(f"  {entry.at - 1000.0:10.6f} {entry.shard} {entry.seq} by {entry.cause}: {entry.kind} {said}")
        print(f"  in the end: {world.database.run(reads.task, task_id)}")
