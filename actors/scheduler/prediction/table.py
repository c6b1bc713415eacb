"""A table of execution times that somebody has measured: kind and sizes to quantiles, linear in between."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from actors.messages.tasks import Features
from actors.scheduler.prediction.prediction import Prediction


@dataclass(frozen=True, slots=True)
class TableRow:
    """The times of tasks of this kind ("" for all that have no rows of their own) and of these sizes."""

    kind: str
    input_tokens: float
    max_tokens: float
    times: Prediction


@dataclass(frozen=True, slots=True)
class Axis:
    """Values in ascending order, and what there is at each."""

    at: list[float]
    rows: list[Prediction]


@dataclass(frozen=True, slots=True)
class Grid:
    """One kind's rows: `max_tokens` in ascending order, and for each of them the rows by `input_tokens`."""

    at: list[float]
    axes: list[Axis]


class LookupTable:
    """Beyond its ends a row holds on; a size that a task does not state is the middle one of the table."""

    __slots__ = ("_grids",)

    def __init__(self, rows: Iterable[TableRow]) -> None:
        by_kind: dict[str, dict[float, list[tuple[float, Prediction]]]] = {}
        for row in rows:
            by_kind.setdefault(row.kind, {}).setdefault(row.max_tokens, []).append((row.input_tokens, row.times))
        self._grids = {kind: _grid(by_output) for kind, by_output in by_kind.items()}

    def look_up(self, features: Features | None) -> Prediction | None:
        """The times of such a task; None where the table has nothing for its kind."""
        kind, taken_in, output = "", None, None
        if features is not None:
            kind, taken_in, output = features.kind, features.input_tokens, features.max_tokens
        grid = self._grids.get(kind) or self._grids.get("")
        if grid is None:
            return None
        low, high, part = _between(grid.at, output)
        times = _at(grid.axes[low], taken_in)
        return times if not part else _mixed(times, _at(grid.axes[high], taken_in), part)


def _grid(by_output: dict[float, list[tuple[float, Prediction]]]) -> Grid:
    ends = sorted(by_output)
    axes = []
    for end in ends:
        rows = sorted(by_output[end], key=lambda row: row[0])
        axes.append(Axis([at for at, _ in rows], [times for _, times in rows]))
    return Grid(ends, axes)


def _at(axis: Axis, value: float | None) -> Prediction:
    low, high, part = _between(axis.at, value)
    return axis.rows[low] if not part else _mixed(axis.rows[low], axis.rows[high], part)


def _between(at: list[float], value: float | None) -> tuple[int, int, float]:
    """The values below and above, by index, and which part of the way from one to the other it is."""
    count = len(at)
    if value is None:
        return count // 2, count // 2, 0.0
    above = bisect_left(at, value)
    if above == 0 or above == count:
        end = above if above == 0 else count - 1
        return end, end, 0.0
    return above - 1, above, (value - at[above - 1]) / (at[above] - at[above - 1])


def _mixed(one: Prediction, other: Prediction, part: float) -> Prediction:
    return Prediction(*[a + (b - a) * part for a, b in zip(one, other, strict=True)])
