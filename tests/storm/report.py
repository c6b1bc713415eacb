"""The storm's figures as text, for the terminal and for docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page_sections import put_between
from tests.storm.faults import Fault
from tests.storm.outcome import Outcome
from tests.storm.rare_events import FENCED


@dataclass(frozen=True, slots=True)
class Storm:
    """One storm that is over."""

    deployment: str
    seconds: float
    rate: float
    seed: int
    drained_s: float
    faults: Sequence[Fault]
    outcome: Outcome
    recoveries: Mapping[str, Sequence[tuple[float, float]]]


def as_markdown(storm: Storm) -> str:
    """A table of what was done and how long that took to get over, and one of what came of the tasks."""
    o = storm.outcome
    figures = [
        ("tasks submitted", o.submitted),
        ("acknowledged", o.acknowledged),
        ("requests it took", o.tries),
        ("completed", o.completed),
        ("ended otherwise", o.otherwise_ended),
        ("**lost**", f"**{o.lost}**"),
        ("**doubled**", f"**{o.doubled}**"),
        ("attempts begun", o.attempts),
        ("executions on instances and workers", o.executed),
        ("of these, of an attempt that had run before", o.executed_again),
        ("messages that RabbitMQ delivered again, at least", f"{o.repeated.get('message redelivered', 0):.0f}"),
        ("repeated messages that had no second effect, at least", f"{o.repeated.get('message repeated', 0):.0f}"),
        ("subscriptions made anew after a canary", f"{o.repeated.get('receiving renewed', 0):.0f}"),
        (
            "writes refused because another process had the shards (fenced), at least",
            f"{o.repeated.get(FENCED, 0):.0f}",
        ),
        ("messages left in queues and dead letters", o.left_in_queues),
        ("until all was quiet, after the last fault (s)", f"{storm.drained_s:.1f}"),
    ]
    lines = [f"### {storm.deployment}", ""]
    lines += [f"{storm.seconds:g} s at {storm.rate:g} tasks/s, {len(storm.faults)} faults, seed {storm.seed}.", ""]
    lines += ["| figure | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in figures), ""]
    lines += [
        "| fault | times | alone | back after p50 | p95 | max (s) | after its end p95 (s) |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for what, count in sorted(Counter(fault.what for fault in storm.faults).items()):
        times = storm.recoveries.get(what, ())
        lines.append(f"| {what} | {count} | {len(times)} | {_row(times)} |")
    if o.broken:
        lines += ["", "Broken:", "", *(f"- {text}" for text in o.broken)]
    return "\n".join(lines) + "\n"


def _row(times: Sequence[tuple[float, float]]) -> str:
    if not times:
        return "– | – | – | –"
    since, after = sorted(t for t, _ in times), sorted(t for _, t in times)
    return " | ".join(f"{t:.2f}" for t in (_at(since, 0.5), _at(since, 0.95), since[-1], _at(after, 0.95)))


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def write_section(page: Path, name: str, text: str) -> None:
    """Replace what stands between the marks of this name on the page. Raises ValueError where they are not there."""
    put_between(page, f"<!-- {name}: begin -->", f"<!-- {name}: end -->", text.strip(), spaced=True)
