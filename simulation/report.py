"""The result of an experiment for people: tables with bars, on a terminal or as plain text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simulation.experiment import BASELINE, Experiment, Measured

BAR = 24
"""Characters of the longest bar."""

LONGEST = 6.0
"""How many times the least p99 the longest bar stands for; what is beyond it ends in an arrow."""


def show(experiment: Experiment, measured: Sequence[Measured], workload: str, console: Console) -> None:
    """Print a table per load, then what became of the expected waits."""
    speeds = ", ".join(f"{speed:g}" for speed in experiment.fleet.speeds)
    console.print(
        f"{workload}: {len(experiment.requests):,} tasks on {len(experiment.fleet.speeds)} instances of "
        f"speed {speeds}, {experiment.fleet.capacity} at once on each; {len(experiment.changes)} events; "
        f"seed {experiment.seed}",
        highlight=False,
    )
    for load in experiment.loads:
        console.print(_table(load, [one for one in measured if one.load == load]))
    console.print(
        "Latency in seconds from arrival to end. Slowdown: latency over the time on the fastest idle instance. "
        "Bars: mean and what p99 adds, on a logarithmic scale.",
        style="dim",
        highlight=False,
    )
    if any(one.waits for one in measured):
        console.print(_waits(measured))
    _show_speed(measured, console)


def _table(load: float, measured: Sequence[Measured]) -> Table:
    baseline = next((one.figures.latency for one in measured if one.name == BASELINE), None)
    has_clients = any(one.figures.evenness is not None for one in measured)
    has_deadlines = any(one.figures.late is not None for one in measured)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=f"load {load:g}", title_justify="left")
    table.add_column("policy", no_wrap=True)
    for header in ("mean", "p50", "p95", "p99"):
        table.add_column(header, justify="right", no_wrap=True)
    if baseline is not None:
        table.add_column("÷ FIFO: mean, p99", justify="right", no_wrap=True)
    table.add_column("slowdown: mean, p99", justify="right", no_wrap=True)
    if has_clients:
        table.add_column("Jain", justify="right", no_wrap=True)
    if has_deadlines:
        table.add_column("late", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    least = min(one.figures.latency.mean for one in measured)
    most = min(max(ends := [one.figures.latency.p99 for one in measured]), LONGEST * min(ends))
    for number, one in enumerate(measured):
        latency, slowdown = one.figures.latency, one.figures.slowdown
        cells = [_short(value) for value in (latency.mean, latency.p50, latency.p95, latency.p99)]
        if baseline is not None:
            cells.append(f"{latency.mean / baseline.mean:.2f} {latency.p99 / baseline.p99:6.2f}")
        cells.append(f"{_short(slowdown.mean)} {_short(slowdown.p99):>7}")
        if has_clients:
            cells.append("–" if one.figures.evenness is None else f"{one.figures.evenness:.3f}")
        if has_deadlines:
            cells.append("–" if one.figures.late is None else f"{one.figures.late:.1%}")
        is_last = number + 1 < len(measured) and measured[number + 1].kind != one.kind
        table.add_row(_name(one), *cells, _bar(latency.mean, latency.p99, least, most), end_section=is_last)
    return table


def _waits(measured: Sequence[Measured]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, title="expected waits, asked at each arrival", title_justify="left"
    )
    for header in ("strategy", "load"):
        table.add_column(header, no_wrap=True)
    for header in ("tasks", "expected", "true", "bias", "within 1σ", "within 2σ"):
        table.add_column(header, justify="right", no_wrap=True)
    for one in measured:
        for of, truth in zip(("all", "that waited"), one.waits or (), strict=False):
            table.add_row(
                one.name,
                f"{one.load:g}",
                f"{truth.tasks:,} {of}",
                f"{_short(truth.expected_s)} s",
                f"{_short(truth.true_s)} s",
                f"{truth.bias:+.1%}",
                f"{truth.within_one:.1%}",
                f"{truth.within_two:.1%}",
            )
    return table


def _show_speed(measured: Sequence[Measured], console: Console) -> None:
    decisions = sum(one.decisions for one in measured)
    seconds = sum(one.took_s for one in measured if one.kind == "strategy")
    if decisions and seconds:
        console.print(
            f"{decisions:,} decisions in {seconds:.1f} s: {decisions / seconds * 60 / 1e6:.2f} million a minute",
            style="dim",
            highlight=False,
        )


def _name(one: Measured) -> Text:
    return Text(one.name, style="bold" if one.kind == "strategy" else "")


def _bar(mean: float, p99: float, least: float, most: float) -> Text:
    scale = BAR / max(math.log(most / least), 1e-9)
    full = max(1, round(math.log(mean / least) * scale))
    bar = "█" * full + "░" * max(0, round(math.log(p99 / least) * scale) - full)
    return Text(bar if len(bar) <= BAR else bar[: BAR - 1] + "→")


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"
