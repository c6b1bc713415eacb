"""The storms' figures as text, for the terminal and for docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.page_sections import put_between
from tests.storm.deployments import TITLES
from tests.storm.goals import goals
from tests.storm.machine import processors
from tests.storm.outcome import Outcome, pooled
from tests.storm.recovery import Recovery
from tests.storm.storm import Storm


def as_markdown(storms: Sequence[Storm]) -> str:
    """Storms over one deployment, pooled: what came of the tasks, what was done, and how long that was felt."""
    total = pooled(storm.outcome for storm in storms)
    lines = [f"### {TITLES[storms[0].plan.deployment]}", "", _conditions(storms), ""]
    lines += ["| figure | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in _figures(total, storms)), ""]
    lines += [
        "| fault | times | alone | first end p50 | p95 | max | all ended: of | p50 | p95 | max "
        "| taken over: of | p50 | p95 | max |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    felt = [recovery for storm in storms for recovery in storm.recoveries]
    done = Counter(fault.what for storm in storms for fault in storm.faults)
    lines += [_row(what, times, [r for r in felt if r.what == what]) for what, times in sorted(done.items())]
    lines += ["", *(f"- {line}" for line in goals(felt))]
    if total.broken:
        lines += ["", "Broken:", "", *(f"- {text}" for text in total.broken)]
    return "\n".join(lines) + "\n"


def _conditions(storms: Sequence[Storm]) -> str:
    seeds = ", ".join(str(storm.plan.seed) for storm in storms)
    faults = sum(len(storm.faults) for storm in storms)
    busy = ", ".join(f"{100 * storm.busy:.0f} %" for storm in storms)
    machine = f" Of the machine's {processors()} processors others used {busy} just before each."
    text = f"{len(storms)} storms of {storms[0].plan.seconds:g} s, {faults} faults, seeds {seeds}. "
    loads = ", ".join(f"{storm.rate:.0f}" for storm in storms)
    measured = ", ".join(f"{storm.capacity:.0f}" for storm in storms if storm.capacity is not None)
    if not measured:
        return text + f"Load: {loads} tasks/s." + machine
    return text + f"Capacity just before each: {measured} tasks/s; load, a third of it: {loads} tasks/s." + machine


def _figures(total: Outcome, storms: Sequence[Storm]) -> list[tuple[str, str]]:
    redelivered, repeated = (total.repeated.get(name, 0) for name in ("message redelivered", "message repeated"))
    killed, stopped = (_count(storms, word) for word in ("kill -9", "SIGSTOP"))
    return [
        ("tasks submitted", f"{total.submitted:,}"),
        ("acknowledged", f"{total.acknowledged:,}"),
        ("requests it took", f"{total.tries:,}"),
        ("completed", f"{total.completed:,}"),
        ("ended otherwise", f"{total.otherwise_ended:,}"),
        ("**lost**", f"**{total.lost}**"),
        ("**doubled**", f"**{total.doubled}**"),
        ("attempts begun", f"{total.attempts:,}"),
        ("executions on instances and workers", f"{total.executed:,}"),
        ("of these, of an attempt that had run before", f"{total.executed_again:,}"),
        ("processes killed", str(killed)),
        ("processes stopped", str(stopped)),
        ("faults of the network", str(sum(len(storm.faults) for storm in storms) - killed - stopped)),
        ("messages that RabbitMQ delivered again, at least", f"{redelivered:,.0f}"),
        ("repeated messages that had no second effect, at least", f"{repeated:,.0f}"),
        ("subscriptions made anew after a canary", f"{total.repeated.get('receiving renewed', 0):,.0f}"),
        (
            "times that a process noticed by its own clock that its lease had run out, and decided no more",
            str(total.lapsed),
        ),
        ("writes that the store refused, because another process had the shards (fenced)", str(total.fenced)),
        ("messages left in queues and dead letters", str(total.left_in_queues)),
        ("until all was quiet after the last fault, longest (s)", f"{max(storm.drained_s for storm in storms):.1f}"),
    ]


def _count(storms: Sequence[Storm], word: str) -> int:
    return sum(fault.what.startswith(word) for storm in storms for fault in storm.faults)


def _row(what: str, times: int, felt: Sequence[Recovery]) -> str:
    last = [r.last for r in felt if r.last is not None]
    taken = [r.taken for r in felt if r.taken is not None]
    columns = [what, str(times), str(len(felt)), *_quantiles([r.first for r in felt])]
    for values in (last, taken):
        columns += [str(len(values)), *_quantiles(values)]
    return "| " + " | ".join(columns) + " |"


def _quantiles(values: Sequence[float]) -> tuple[str, str, str]:
    """The middle, that of 95 %, and the largest."""
    if not values:
        return "–", "–", "–"
    ordered = sorted(values)
    middle, most = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95))
    return f"{middle:.2f}", f"{most:.2f}", f"{ordered[-1]:.2f}"


def write_section(page: Path, name: str, text: str) -> None:
    """Replace what stands between the marks of this name on the page. Raises ValueError where they are not there."""
    put_between(page, f"<!-- {name}: begin -->", f"<!-- {name}: end -->", text.strip(), spaced=True)
