"""The figures of placement as Markdown, between two marks of a page that is written by hand otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from actors.scheduler.strategies import STRATEGIES
from benchmarks.page_sections import put_between
from benchmarks.placement_goals import Finding
from simulation.experiment import Measured

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"


def rewrite(
    page: Path, workload: str, findings: Sequence[Finding], tables: Sequence[tuple[str, Sequence[Measured]]]
) -> None:
    """Replace what stands between the marks. Raises ValueError where the page has none."""
    put_between(page, BEGIN, END, markdown(workload, findings, tables))


def markdown(workload: str, findings: Sequence[Finding], tables: Sequence[tuple[str, Sequence[Measured]]]) -> str:
    """The goals, what strategies are, then a table of latencies for each scenario and of expected waits."""
    parts = [f"Workload: {workload}.", _goals(findings)]
    parts += ["### What each strategy does", *(paragraph(name) for name in STRATEGIES)]
    for title, measured in tables:
        parts += [f"### {title}", _latencies(measured)]
        if any(one.waits for one in measured):
            parts += ["Expected waits of the tasks that waited or were expected to:", _waits(measured)]
    return "\n\n".join(parts)


def paragraph(strategy: str) -> str:
    """What the strategy's module says of it, as one paragraph."""
    text = import_module(f"actors.scheduler.strategies.{strategy}").__doc__ or ""
    first, _, rest = text.strip().partition("\n\n")
    name, _, promise = " ".join(first.split()).partition(": ")
    return f"**{name}**: {promise} {' '.join(rest.split())}"


def _goals(findings: Sequence[Finding]) -> str:
    rows = ["| the default strategy | measured | goal | met |", "|---|---|---|---|"]
    rows += [f"| {f.what} | {f.measured} | {f.goal} | {'yes' if f.is_met else '**no**'} |" for f in findings]
    return "\n".join(rows)


def _latencies(measured: Sequence[Measured]) -> str:
    rows = ["| load | policy | mean | p50 | p95 | p99 | slowdown: mean | p99 |", "|---|---|--:|--:|--:|--:|--:|--:|"]
    for one in measured:
        latency, slowdown = one.figures.latency, one.figures.slowdown
        name = f"`{one.name}`" if one.kind == "strategy" else f"_{one.name}_"
        values = (latency.mean, latency.p50, latency.p95, latency.p99, slowdown.mean, slowdown.p99)
        rows.append(f"| {one.load:g} | {name} | {' | '.join(_short(value) for value in values)} |")
    return "\n".join(rows)


def _waits(measured: Sequence[Measured]) -> str:
    rows = [
        "| load | strategy | tasks | expected | true | bias | within 1 sigma | within 2 sigma |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for one in measured:
        if one.waits is not None:
            truth = one.waits[1]
            means = f"{_short(truth.expected_s)} s | {_short(truth.true_s)} s | {truth.bias:+.1%}"
            shares = f"{truth.within_one:.1%} | {truth.within_two:.1%}"
            rows.append(f"| {one.load:g} | `{one.name}` | {truth.tasks:,} | {means} | {shares} |")
    return "\n".join(rows)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"
