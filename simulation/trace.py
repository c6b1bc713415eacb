"""Workloads from CSV files: the header tells which format it is."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from simulation.clients import Client, client_requests
from simulation.jobs import Request

Row: TypeAlias = tuple[int, Mapping[str, str]]

FORMATS = """\
TIMESTAMP,ContextTokens,GeneratedTokens   arrivals and sizes, as of the Azure LLM inference traces
arrival_s,input_tokens,output_tokens      the same in seconds; columns task_kind, client, max_tokens, priority and
                                          deadline_s (from the arrival) if you like
num_prefill_tokens,num_decode_tokens      sizes alone: arrivals are drawn, Poisson
client,mean_rate_rps,weighted_cv,...      clients, as of ServeGen: arrivals and sizes are drawn from their statistics"""


LEAST_PRIORITY, MOST_PRIORITY = -19, 20


class TraceError(Exception):
    """The file cannot be used; the text names the line, the column, the rule and the value."""


def read_trace(path: Path, seed: int, tasks: int | None) -> list[Request]:
    """The workload of this file: its first `tasks` requests, or as many drawn from it. Raises TraceError, OSError."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file)
        header = set(reader.fieldnames or ())
        read = next((read for columns, read in READERS if columns <= header), None)
        if read is None:
            raise TraceError(
                f"{path}: the first line must name the columns of a format:\n{FORMATS}\ngot {_said(header)}"
            )
        try:
            requests = read(((reader.line_num, row) for row in reader), seed, tasks)
        except csv.Error as error:
            raise TraceError(f"{path}, line {reader.line_num}: {error}") from None
        except TraceError as error:
            raise TraceError(f"{path}, {error}") from None
    if len(requests) < 2:
        raise TraceError(f"{path} must have two requests at least, got {len(requests)}")
    return requests


def _stamped(rows: Iterator[Row], seed: int, tasks: int | None) -> list[Request]:
    return [
        Request(_stamp(row, "TIMESTAMP"), _count(row, "ContextTokens"), _count(row, "GeneratedTokens"))
        for row in _first(rows, tasks)
    ]


def _timed(rows: Iterator[Row], seed: int, tasks: int | None) -> list[Request]:
    return [
        Request(
            _number(row, "arrival_s"),
            _count(row, "input_tokens"),
            _count(row, "output_tokens"),
            row[1].get("task_kind") or "",
            row[1].get("client") or "",
            _count(row, "max_tokens") if row[1].get("max_tokens") else 0,
            _priority(row) if row[1].get("priority") else 0,
            _number(row, "deadline_s") if row[1].get("deadline_s") else None,
        )
        for row in _first(rows, tasks)
    ]


def _untimed(rows: Iterator[Row], seed: int, tasks: int | None) -> list[Request]:
    chance, at_s, requests = random.Random(seed), 0.0, []
    for row in _first(rows, tasks):
        requests.append(Request(at_s, _count(row, "num_prefill_tokens"), _count(row, "num_decode_tokens")))
        at_s += chance.expovariate(1.0)
    return requests


def _of_clients(rows: Iterator[Row], seed: int, tasks: int | None) -> list[Request]:
    clients = [
        Client(
            row[1]["client"] or "",
            _positive(row, "mean_rate_rps"),
            _positive(row, "weighted_cv"),
            min(_positive(row, "active_frac"), 1.0),
            (_number(row, "in_p50"), _number(row, "in_p90"), _number(row, "in_p99")),
            (_number(row, "out_p50"), _number(row, "out_p90"), _number(row, "out_p99")),
        )
        for row in rows
    ]
    return client_requests(clients, seed, tasks or 20_000) if clients else []


CLIENT_COLUMNS = "client,mean_rate_rps,weighted_cv,active_frac,in_p50,in_p90,in_p99,out_p50,out_p90,out_p99"

READERS: tuple[tuple[frozenset[str], Callable[[Iterator[Row], int, int | None], list[Request]]], ...] = (
    (frozenset(("TIMESTAMP", "ContextTokens", "GeneratedTokens")), _stamped),
    (frozenset(("arrival_s", "input_tokens", "output_tokens")), _timed),
    (frozenset(("num_prefill_tokens", "num_decode_tokens")), _untimed),
    (frozenset(CLIENT_COLUMNS.split(",")), _of_clients),
)


def _first(rows: Iterator[Row], tasks: int | None) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number == tasks:
            return
        yield row


def _stamp(row: Row, column: str) -> float:
    text = row[1][column] or ""
    whole, _, fraction = text.partition(".")
    try:
        seconds = datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()
        return seconds + float(f"0.{fraction or 0}")
    except ValueError:
        raise TraceError(
            f"line {row[0]}: {column} must be a time such as 2023-11-16 18:15:46.68, got {text!r}"
        ) from None


def _number(row: Row, column: str) -> float:
    text = row[1][column] or ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise TraceError(f"line {row[0]}: {column} must be a number of at least 0, got {text!r}")
    return value


def _priority(row: Row) -> int:
    text = row[1]["priority"] or ""
    if not text.removeprefix("-").isdecimal() or not LEAST_PRIORITY <= int(text) <= MOST_PRIORITY:
        rule = f"a whole number from {LEAST_PRIORITY} to {MOST_PRIORITY}"
        raise TraceError(f"line {row[0]}: priority must be {rule}, got {text!r}")
    return int(text)


def _positive(row: Row, column: str) -> float:
    value = _number(row, column)
    if value <= 0:
        raise TraceError(f"line {row[0]}: {column} must be above 0, got {row[1][column]!r}")
    return value


def _count(row: Row, column: str) -> int:
    text = row[1][column] or ""
    if not text.isdecimal() or len(text) > 12:
        raise TraceError(f"line {row[0]}: {column} must be a whole number of at least 0, got {text!r}")
    return int(text)


def _said(header: set[str]) -> str:
    return ",".join(sorted(name or "" for name in header))[:100] or "nothing"
