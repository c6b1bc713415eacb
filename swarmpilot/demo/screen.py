"""What the demo shows while it runs: a live screen on a terminal, or a line now and then."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from swarmpilot.cli.output import duration, instances_table
from swarmpilot.demo.tally import Tally, quantile
from swarmpilot.demo.workload import PRIORITIES
from swarmpilot.records import InstanceQueue

STYLES = {"critical": "bold red", "high": "yellow", "normal": "green", "low": "blue"}
BARS = "▁▂▃▄▅▆▇█"
HISTORY_S = 40
CHART_ROWS = 8
OF_LATE_S = 5


@dataclass(slots=True)
class Moment:
    """All that is shown. `now` is of the tally's clock, `elapsed_s` counts from the start of the stream."""

    tally: Tally
    now: float = 0.0
    elapsed_s: float = 0.0
    phase: str = "starting"
    queues: list[InstanceQueue] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    def name_of(self, ti_uuid: str) -> str:
        """What the demo calls an instance."""
        ports = {queue.ti_uuid: queue.port for queue in self.queues}
        return self.names.get(ports.get(ti_uuid, -1)) or ti_uuid[:8] or "–"


def draw(moment: Moment) -> RenderableType:
    """The live screen."""
    above, below = _two_columns(), _two_columns()
    height = 2 + max(5, 1 + len(moment.queues))
    above.add_row(
        Panel(instances_table(moment.queues, moment.names), title="instances", box=box.ROUNDED, height=height),
        Panel(_lines(moment.tally), title="tasks by priority", box=box.ROUNDED, height=height),
    )
    below.add_row(
        Panel(_recent(moment), title="last finished", box=box.ROUNDED, height=11),
        Panel(_rate(moment), title="completed/s", box=box.ROUNDED, height=11),
    )
    return Group(_headline(moment), above, below)


def line(moment: Moment) -> str:
    """The same in one line, for logs and pipes."""
    tally = moment.tally
    rate = sum(tally.per_second(moment.now, 2)) / 2
    waits = ", ".join(f"{moment.name_of(q.ti_uuid)} {q.running}/{q.capacity}+{q.waiting}" for q in moment.queues)
    return (
        f"{moment.elapsed_s:5.1f} s  submitted {tally.submitted:5d}  completed {tally.completed:5d}  "
        f"failed {tally.failed}  in flight {len(tally.in_flight):4d}  {rate:5.1f}/s  [{waits}]"
    )


def chart(counts: list[int], rows: int) -> list[str]:
    """Counts as columns in so many lines of text, the top one first; the tallest column is the largest count."""
    most = max(counts, default=0) or 1
    heights = [1 + round(count / most * (len(BARS) * rows - 1)) for count in counts]
    return ["".join(_piece(height - row * len(BARS)) for height in heights) for row in reversed(range(rows))]


def _piece(height: int) -> str:
    return BARS[min(height, len(BARS)) - 1] if height > 0 else " "


def _two_columns() -> Table:
    grid = Table.grid(expand=True)
    grid.add_column(ratio=3)
    grid.add_column(ratio=2)
    return grid


def _headline(moment: Moment) -> Panel:
    tally = moment.tally
    text = Text.assemble(
        (f" {moment.phase}", "bold"),
        f"  {moment.elapsed_s:4.1f} s   submitted ",
        (str(tally.submitted), "bold"),
        "   completed ",
        (str(tally.completed), "bold green"),
        "   in flight ",
        (str(len(tally.in_flight)), "bold cyan"),
        "   failed ",
        (str(tally.failed + len(tally.refused)), "bold red" if tally.failed or tally.refused else "dim"),
    )
    return Panel(text, title="SwarmPilot scheduler", box=box.ROUNDED)


def _lines(tally: Tally) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, show_header=True)
    table.add_column("priority")
    table.add_column("in flight", ratio=1, no_wrap=True, overflow="crop")
    table.add_column("p50", justify="right", no_wrap=True)
    for priority in PRIORITIES:
        count = tally.in_flight_of(priority)
        bar = Text(f"{count:3d} " + "█" * count, style=STYLES[priority], overflow="crop")
        table.add_row(Text(priority, style=STYLES[priority]), bar, duration(quantile(tally.latencies(priority), 0.5)))
    return table


def _recent(moment: Moment) -> Table:
    table = Table(box=None, expand=True, pad_edge=False)
    for header in ("task", "priority", "on"):
        table.add_column(header, no_wrap=True)
    table.add_column("waited", justify="right", no_wrap=True)
    table.add_column("ran", justify="right", no_wrap=True)
    for task in reversed(moment.tally.recent):
        table.add_row(
            task.task_id[-8:],
            Text(task.priority, style=STYLES.get(task.priority, "")),
            moment.name_of(task.ti_uuid),
            duration(task.waiting_ms),
            Text(f"failed: {task.failure}", style="red") if task.failure else duration(task.execution_ms),
        )
    return table


def _rate(moment: Moment) -> Group:
    counts = moment.tally.per_second(moment.now, min(HISTORY_S, int(moment.elapsed_s) + 1))
    mean = sum(counts[-OF_LATE_S:]) / min(OF_LATE_S, max(1.0, moment.elapsed_s))
    return Group(
        *(Text(row, style="green", no_wrap=True, overflow="crop") for row in chart(counts, CHART_ROWS)),
        Text(f"{mean:.1f}/s of late, at most {max(counts)}/s"),
    )
