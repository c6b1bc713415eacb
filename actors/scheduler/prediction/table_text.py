"""A lookup table from CSV or JSON text, checked; what cannot be used is named with its row, its column and the rule."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from math import exp, isfinite, log, sqrt
from typing import Any

from actors.scheduler.prediction.prediction import Prediction
from actors.scheduler.prediction.table import LookupTable, TableRow

SIZES = ("input_tokens", "max_tokens")
TIMES = ("mean_ms", "std_ms", "q05_ms", "q50_ms", "q95_ms")
COLUMNS = ("task_kind", *SIZES, *TIMES)
NEEDED = ("q50_ms", "q95_ms")
MAX_ROWS = 100_000
LARGEST = 1e12
HIGH_SCORE = 1.645
"""Deviations that the 95 % quantile of the normal distribution is above its mean."""


class TableError(ValueError):
    """The table cannot be used; the text says where and why."""


def parse_table(text: str, *, is_json: bool) -> LookupTable:
    """The table. Columns, or fields of each object of a JSON array: COLUMNS, of which NEEDED must be there.

    What is left out of a row's times follows from its median and 95 % quantile as in a lognormal distribution.
    Raises TableError.
    """
    rows: list[TableRow] = []
    seen: dict[tuple[str, float, float], str] = {}
    for where, fields in _json_rows(text) if is_json else _csv_rows(text):
        row = _row(where, fields)
        key = (row.kind, row.input_tokens, row.max_tokens)
        if key in seen:
            raise TableError(f"{where}: the same kind and sizes as {seen[key]}")
        if len(rows) == MAX_ROWS:
            raise TableError(f"{where}: there may be at most {MAX_ROWS} rows")
        seen[key] = where
        rows.append(row)
    if not rows:
        raise TableError("there must be at least one row")
    return LookupTable(rows)


def _csv_rows(text: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    try:
        for fields in reader:
            where = f"line {reader.line_num}"
            if None in fields or None in fields.values():
                raise TableError(f"{where}: must have {len(reader.fieldnames or ())} values, as the header has")
            yield where, {name: value for name, value in fields.items() if value != ""}
    except csv.Error as error:
        raise TableError(f"line {reader.line_num}: {error}") from error


def _json_rows(text: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TableError(f"must be JSON ({error})") from error
    if not isinstance(content, list):
        raise TableError("must be a JSON array of objects, one for each row")
    for number, fields in enumerate(content, start=1):
        if not isinstance(fields, dict):
            raise TableError(f"row {number}: must be an object")
        yield f"row {number}", {name: value for name, value in fields.items() if value is not None}


def _row(where: str, fields: Mapping[str, Any]) -> TableRow:
    unknown = [name for name in fields if name not in COLUMNS]
    if unknown:
        raise TableError(f"{where}: unknown column {unknown[0]!r}; known are {', '.join(COLUMNS)}")
    missing = [name for name in NEEDED if name not in fields]
    if missing:
        raise TableError(f"{where}: `{missing[0]}` must be given")
    kind = fields.get("task_kind", "")
    if not isinstance(kind, str):
        raise TableError(f"{where}: `task_kind` must be a text; got {kind!r}")
    sizes = {name: _amount(where, name, fields.get(name, 0.0)) for name in SIZES}
    return TableRow(kind, sizes["input_tokens"], sizes["max_tokens"], _times(where, fields))


def _times(where: str, fields: Mapping[str, Any]) -> Prediction:
    given = {name: _amount(where, name, fields[name]) for name in TIMES if name in fields}
    middle, high = given["q50_ms"], given["q95_ms"]
    low = given.get("q05_ms", middle * (middle / high) if high else 0.0)
    if not 0.0 < low <= middle <= high:
        raise TableError(f"{where}: must be 0 < q05_ms <= q50_ms <= q95_ms; got {low:g}, {middle:g}, {high:g}")
    spread = log(high / middle) / HIGH_SCORE
    mean = given.get("mean_ms", middle * exp(min(spread * spread / 2, 3.0)))
    if mean <= 0.0:
        raise TableError(f"{where}: `mean_ms` must be above 0")
    return Prediction(mean, given.get("std_ms", mean * sqrt(exp(min(spread * spread, 6.0)) - 1.0)), low, middle, high)


def _amount(where: str, name: str, value: object) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        number = -1.0
    if not isfinite(number) or not 0.0 <= number <= LARGEST:
        raise TableError(f"{where}: `{name}` must be a number from 0 to {LARGEST:g}; got {value!r}")
    return number
