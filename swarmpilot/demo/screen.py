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
    above.add_row(
        Panel(instances_table(moment.queues, moment.names), title="instances", box=box.ROUNDED, height=9),
        Panel(_lines(moment.tally), title="lines by priority", box=box.ROUNDED, height=9),
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


def sparkline(counts: list[int]) -> str:
    """Counts as bars of eight heights; the tallest is the largest count."""
    most = max(counts, default=0) or 1
    return "".join(BARS[round(count / most * (len(BARS) - 1))] for count in counts)


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
    table.add_column("in flight", ratio=1, no_wrap=True)
    table.add_column("p50", justify="right", no_wrap=True)
    for priority in PRIORITIES:
        count = tally.in_flight_of(priority)
        bar = Text("█" * min(count, 18) + f" {count}", style=STYLES[priority])
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
    counts = moment.tally.per_second(moment.now, HISTORY_S)
    recent_s = max(1, min(5, int(moment.elapsed_s)))
    mean = sum(counts[-recent_s - 1 : -1]) / recent_s  # the current second has only begun
    return Group(
        Text(sparkline(counts), style="green", no_wrap=True, overflow="crop"),
        Text(f"{mean:.1f}/s of late, at most {max(counts)}/s"),
    )
