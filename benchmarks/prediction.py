"""`python -m benchmarks.prediction [--trace FILE]`: how good predictions of execution times are, on known mixes.

Every workload says what a perfect predictor would expect, which is shown beside what was predicted. A trace is a CSV
file with columns for tokens taken in and put out, as `azure2023_conv.csv` (Azure/AzurePublicDataset) or
`vidur_arxiv_lengths.csv` (microsoft/vidur) have them.
"""

from __future__ import annotations

import csv
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean, median

from rich.console import Console
from rich.table import Table

from actors.messages.tasks import Features
from actors.scheduler.prediction import Predictions

POOL = "model:m"
SLOWED = "i0"
SPEEDS = {f"i{n}": 1.0 for n in range(8)}
UNEQUAL = dict(zip(SPEEDS, (1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25), strict=True))
KINDS = {"chat": (50.0, 0.1, 20.0), "embed": (5.0, 0.5, 0.0), "code": (200.0, 0.4, 35.0), "image": (4000.0, 0.0, 0.0)}
"""Milliseconds of a task, of each token that it takes in and of each that it puts out."""

INPUT_COLUMNS = ("ContextTokens", "num_prefill_tokens")
OUTPUT_COLUMNS = ("GeneratedTokens", "num_decode_tokens")
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Report:
    """One task that has ended: what it said of itself, where it ran, how long, and the true mean of such (ms)."""

    features: Features | None
    ti_uuid: str
    took_ms: float
    true_mean_ms: float


@dataclass(frozen=True, slots=True)
class Quality:
    """Absolute error in percent (mean, median, and the mean of a perfect predictor), bias in percent, shares within
    quantiles.
    """

    error: float
    median_error: float
    least_error: float | None
    bias: float
    within_q95: float
    within_q50: float


def kinds_mix(
    count: int, seed: int, *, spread: float = 0.3, speeds: dict[str, float] = SPEEDS, sizes: bool = True
) -> Iterator[Report]:
    """Kinds of tasks whose sizes differ between and within kinds; `spread` is that of the logarithm around the mean."""
    chance = Random(seed)
    for _ in range(count):
        kind = chance.choice(list(KINDS))
        each, per_input, per_output = KINDS[kind]
        taken_in, put_out = chance.lognormvariate(5.5, 1.0), chance.lognormvariate(4.5, 0.8)
        ti_uuid = chance.choice(list(speeds))
        mean = (each + per_input * taken_in + per_output * put_out) / speeds[ti_uuid]
        features = Features(kind, taken_in, put_out) if sizes else Features(kind)
        yield Report(features, ti_uuid, mean * _noise(chance, spread), mean)


def plain_mix(count: int, seed: int, *, spread: float, speeds: dict[str, float] = SPEEDS) -> Iterator[Report]:
    """Tasks that say nothing of themselves."""
    chance = Random(seed)
    for _ in range(count):
        ti_uuid = chance.choice(list(speeds))
        mean = 1000.0 / speeds[ti_uuid]
        yield Report(None, ti_uuid, mean * _noise(chance, spread), mean)


def with_outliers(reports: Iterator[Report], seed: int, share: float = 0.02, factor: float = 20.0) -> Iterator[Report]:
    """The same, but for some that take far longer; they count for nothing in the figures of the others."""
    chance = Random(seed)
    for report in reports:
        if chance.random() < share:
            yield Report(report.features, report.ti_uuid, report.took_ms * factor, 0.0)
        yield report


def trace_mix(path: Path, seed: int, *, known: str, speeds: dict[str, float] = SPEEDS) -> Iterator[Report]:
    """A trace's tasks at 20 ms, 0.2 ms a token taken in and 20 ms a token put out.

    `known`: "both" sizes, the input's alone, or with a round "limit" of the output that is the next power of two.
    """
    chance = Random(seed)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            taken_in = float(next(row[name] for name in INPUT_COLUMNS if name in row))
            put_out = float(next(row[name] for name in OUTPUT_COLUMNS if name in row))
            ti_uuid = chance.choice(list(speeds))
            took = (20.0 + 0.2 * taken_in + 20.0 * put_out) / speeds[ti_uuid]
            output = {"both": put_out, "limit": 2.0 ** int(put_out).bit_length(), "input": None}[known]
            yield Report(Features("", taken_in, output), ti_uuid, took, took if known == "both" else 0.0)


def _noise(chance: Random, spread: float) -> float:
    return chance.lognormvariate(-spread * spread / 2, spread)


def judge(reports: Iterator[Report], span: Span = (0.25, 1.0), predictions: Predictions | None = None) -> Quality:
    """Predict each, then take it in; figures are of this part of them."""
    predictions = predictions or Predictions()
    everything = list(reports)
    errors, least, within95, within50 = list[float](), list[float](), list[bool](), list[bool]()
    predicted_sum = took_sum = 0.0
    for n, report in enumerate(everything):
        predicted = predictions.predict(POOL, report.features, report.ti_uuid)
        predictions.observe(POOL, report.features, report.ti_uuid, report.took_ms)
        if not span[0] <= n / len(everything) < span[1]:
            continue
        within95.append(report.took_ms <= predicted.q95_ms)
        within50.append(report.took_ms <= predicted.q50_ms)
        predicted_sum += predicted.mean_ms
        took_sum += report.took_ms
        errors.append(abs(predicted.mean_ms - report.took_ms) / report.took_ms)
        if report.true_mean_ms:
            least.append(abs(report.true_mean_ms - report.took_ms) / report.took_ms)
    bias = 100 * (predicted_sum / took_sum - 1)
    return Quality(
        error=100 * fmean(errors),
        median_error=100 * median(errors),
        least_error=100 * fmean(least) if least else None,
        bias=bias,
        within_q95=fmean(within95),
        within_q50=fmean(within50),
    )


def reports_until_noticed(reports: Sequence[Report], *, what: str, factor: float = 4.0) -> int:
    """Reports of what is slowed down at half-time until predictions say so, within a factor of 1.5.

    `what` is an instance, a kind, or "" for all.
    """
    predictions = Predictions()
    half = len(reports) // 2
    probe = next(r for r in reports if what in ("", r.ti_uuid, r.features.kind if r.features else ""))
    for report in reports[:half]:
        predictions.observe(POOL, report.features, report.ti_uuid, report.took_ms)
    before = predictions.predict(POOL, probe.features, probe.ti_uuid).mean_ms
    count = 0
    for report in reports[half:]:
        hit = what in ("", report.ti_uuid, report.features.kind if report.features else "")
        count += hit
        took = report.took_ms * (factor if hit else 1.0)
        predictions.observe(POOL, report.features, report.ti_uuid, took)
        now = predictions.predict(POOL, probe.features, probe.ti_uuid).mean_ms
        if factor / 1.5 <= now / before <= factor * 1.5:
            return count
    return sys.maxsize


def _shown(percent: float | None) -> str:
    return "" if percent is None else f"{percent:.1f}"


def main() -> int:
    """Print the figures."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--trace", type=Path, action="append", default=[], help="CSV file with token counts")
    console, traces = Console(), parser.parse_args().trace
    workloads: dict[str, Iterator[Report]] = {
        "kinds and sizes": kinds_mix(4000, 1),
        "kinds and sizes, unequal instances": kinds_mix(4000, 2, speeds=UNEQUAL),
        "kinds alone": kinds_mix(4000, 3, sizes=False),
        "nothing, spread 0.3": plain_mix(4000, 4, spread=0.3),
        "nothing, spread 1, unequal": plain_mix(4000, 5, spread=1.0, speeds=UNEQUAL),
        "kinds and sizes, 2 % outliers": with_outliers(kinds_mix(4000, 6), 6),
        "kinds and sizes, next to no spread": kinds_mix(4000, 7, spread=0.01),
    }
    for path in traces:
        for known in ("both", "limit", "input"):
            workloads[f"{path.name}, {known}"] = trace_mix(path, 8, known=known, speeds=UNEQUAL)
    table = Table("workload", "error %", "perfect %", "bias %", "<= q95", "<= q50")
    for name, reports in workloads.items():
        q = judge(reports)
        figures = (f"{q.error:.1f}", _shown(q.least_error), f"{q.bias:+.1f}", f"{q.within_q95:.3f}")
        table.add_row(name, *figures, f"{q.within_q50:.3f}")
    console.print(table)
    cold = Table("from the start: reports seen", "error %", "median %", "perfect %")
    for first, last in ((0, 4), (4, 16), (16, 64), (64, 256)):
        q = judge(kinds_mix(1024, 9, speeds=UNEQUAL), (first / 1024, last / 1024))
        cold.add_row(f"{first} to {last}", f"{q.error:.1f}", f"{q.median_error:.1f}", _shown(q.least_error))
    console.print(cold)
    noticed = Table("4x slower at half-time", "spread", "reports until noticed: median of 21, most")
    for spread in (0.05, 0.3, 0.6, 1.0):
        for what in (SLOWED, "chat", ""):
            counts = sorted(
                reports_until_noticed(list(kinds_mix(2000, seed, spread=spread)), what=what) for seed in range(21)
            )
            noticed.add_row(what or "all", f"{spread}", f"{counts[10]}, {counts[-1]}")
    console.print(noticed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
