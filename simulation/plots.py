"""The result of an experiment as PNG images; needs matplotlib, which the extra `plots` installs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulation.experiment import Experiment, Measured

WINDOWS = 60
"""Parts that a run is cut into where latency is drawn over time."""

TALLEST = 8.0
"""How many times the top of the lowest line fits into a picture; what is beyond it leaves it."""


class NoMatplotlib(Exception):
    """There is no matplotlib here."""


def check_matplotlib() -> None:
    """Raises NoMatplotlib where images cannot be written."""
    _figure_class()


def write_plots(experiment: Experiment, measured: Sequence[Measured], directory: Path) -> list[Path]:
    """Write the images into this directory, which is made where there is none; their paths. Raises NoMatplotlib."""
    figure_class = _figure_class()
    directory.mkdir(parents=True, exist_ok=True)
    written = [directory / "latency_over_load.png"]
    _save(_over_load(figure_class, measured), written[0])
    for load in experiment.loads:
        of_load = [one for one in measured if one.load == load]
        written.append(directory / f"latency_tail_at_{load:g}.png")
        _save(_tails(figure_class, load, of_load), written[-1])
        if experiment.changes:
            written.append(directory / f"latency_over_time_at_{load:g}.png")
            _save(_over_time(figure_class, load, of_load, experiment), written[-1])
    return written


def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise NoMatplotlib("plots need matplotlib: pip install 'swarmpilot-scheduler[plots]'") from None
    return Figure


def _over_load(figure_class: Any, measured: Sequence[Measured]) -> Any:
    figure = figure_class(figsize=(11, 5), layout="constrained")
    for place, title in enumerate(("mean", "p99"), start=1):
        axes = figure.add_subplot(1, 2, place)
        for name in dict.fromkeys(one.name for one in measured):
            rows = sorted((one for one in measured if one.name == name), key=lambda one: one.load)
            values = [getattr(one.figures.latency, title) for one in rows]
            axes.plot([one.load for one in rows], values, label=name, marker="o", **_style(rows[0]))
        _label(axes, f"{title} latency", "load", "seconds")
        _scale(axes)
    axes.legend(fontsize="small")
    return figure


def _tails(figure_class: Any, load: float, measured: Sequence[Measured]) -> Any:
    """The share of tasks (logarithmic) whose latency is longer than that."""
    figure = figure_class(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for one in measured:
        ordered = sorted(one.figures.latencies)
        shares = [1.0 - number / len(ordered) for number in range(len(ordered))]
        axes.step(ordered, shares, label=one.name, **_style(one))
    _label(axes, f"latency at load {load:g}", "seconds", "share of tasks that take longer")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.legend(fontsize="small")
    return figure


def _over_time(figure_class: Any, load: float, measured: Sequence[Measured], experiment: Experiment) -> Any:
    """The mean latency of those that arrive in each part of the run."""
    figure = figure_class(figsize=(11, 5), layout="constrained")
    axes = figure.add_subplot()
    for one in measured:
        axes.plot(*windows(one.arrivals, one.figures.latencies, WINDOWS), label=one.name, **_style(one))
    for change in experiment.changes:
        axes.axvline(change.at_s, color="grey", linewidth=0.8, linestyle=":", label="_event")
    _label(axes, f"mean latency by arrival at load {load:g}; dotted: events", "seconds", "seconds")
    _scale(axes)
    axes.legend(fontsize="small")
    return figure


def windows(arrivals: Sequence[float], latencies: Sequence[float], parts: int) -> tuple[list[float], list[float]]:
    """The middle of each of so many equal parts of the time in which anything arrives, and the mean latency in it."""
    length = (max(arrivals) - min(arrivals)) / parts or 1.0
    first, sums = min(arrivals), [[0.0, 0] for _ in range(parts)]
    for arrival, latency in zip(arrivals, latencies, strict=True):
        part = sums[min(int((arrival - first) / length), parts - 1)]
        part[0] += latency
        part[1] += 1
    filled = [(first + (n + 0.5) * length, total / count) for n, (total, count) in enumerate(sums) if count]
    return [middle for middle, _ in filled], [mean for _, mean in filled]


def _scale(axes: Any) -> None:
    """Logarithmic, and no taller than makes sense: an unstable policy would flatten all others."""
    axes.set_yscale("log")
    tops = [max(line.get_ydata()) for line in axes.get_lines() if not line.get_label().startswith("_")]
    axes.set_ylim(top=1.2 * min(max(tops), TALLEST * min(tops)))


def _style(one: Measured) -> dict[str, Any]:
    return {"linewidth": 2.0} if one.kind == "strategy" else {"linewidth": 1.0, "linestyle": "--"}


def _label(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, which="both", linewidth=0.3)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=120)
