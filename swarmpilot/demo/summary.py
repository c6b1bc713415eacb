"""The end of the demo: what was submitted, what came of it, how long it took, who did it."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from swarmpilot.cli.output import duration
from swarmpilot.demo.screen import STYLES, Moment
from swarmpilot.demo.tally import Tally, quantile
from swarmpilot.demo.workload import PRIORITIES


def summary(moment: Moment) -> RenderableType:
    """The tables and the verdict."""
    tally = moment.tally
    lost = len(tally.in_flight)
    good = tally.is_clean
    verdict = (
        f"{tally.submitted} submitted, {tally.completed} completed, {tally.failed} failed, "
        f"{len(tally.refused)} refused, {lost} lost"
    )
    parts: list[RenderableType] = [_priorities(tally), _instances(moment), Text(verdict, "green" if good else "red")]
    parts += [Text(f"refused: {reason}", style="red") for reason in sorted(set(tally.refused))[:3]]
    parts += [Text(f"failed: {why}", style="red") for why in sorted({t.failure for t in tally.finished} - {""})[:3]]
    return Group(*parts)


def _priorities(tally: Tally) -> Table:
    table = Table(title="latency by priority", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("priority")
    for header in ("completed", "failed", "p50", "p95", "longest"):
        table.add_column(header, justify="right")
    for priority in (*PRIORITIES, None):
        ended = [task for task in tally.finished if priority in (None, task.priority)]
        latencies = tally.latencies(priority)
        failed = sum(bool(task.failure) for task in ended)
        table.add_row(
            Text(priority or "all", style=STYLES.get(priority or "", "bold")),
            str(len(ended) - failed),
            str(failed),
            duration(quantile(latencies, 0.5)),
            duration(quantile(latencies, 0.95)),
            duration(quantile(latencies, 1.0)),
        )
    return table


def _instances(moment: Moment) -> Table:
    table = Table(title="share by instance", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("instance")
    for header in ("tasks", "share", "mean run"):
        table.add_column(header, justify="right")
    shares = moment.tally.by_instance()
    total = sum(len(tasks) for tasks in shares.values()) or 1
    for ti_uuid, tasks in sorted(shares.items(), key=lambda share: -len(share[1])):
        mean = sum(task.execution_ms for task in tasks) / len(tasks)
        table.add_row(moment.name_of(ti_uuid), str(len(tasks)), f"{len(tasks) / total:.0%}", duration(mean))
    return table
