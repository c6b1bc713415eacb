"""The result of a run: a table for people, JSON for comparing."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.figures import Row
from benchmarks.plan import DURABILITY, TASK_INPUT_BYTES, Place, Plan

TITLES = {
    "throughput": "completed end to end, 64 submitters",
    "latency p50": "submit answered, p50",
    "latency p99": "submit answered, p99",
    "waiting": "submit rate, long line over empty",
    "memory": "memory of the scheduler, long line",
    "recovery": "back after kill -9",
    "recovery, many waiting": "the same, long line",
    "agents": "submit rate, many agents over one",
    "workers": "AMQP to worker, over bare messages",
    "workers together": "the same, many tasks a message",
    "yield p50": "request to yielded, p50",
    "yield p99": "request to yielded, p99",
    "decisions": "submits and ends, one actor",
}


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("figure", min_width=24)
    table.add_column("deployment")
    for header in ("measured", "goal", "met", "÷ bare"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("spread", justify="right", no_wrap=True)
    table.add_column("remarks")
    for row in rows:
        met = Text("yes", style="green") if row.is_met else Text("no", style="bold red")
        ratio = "–" if row.ratio_to_bare is None else f"{row.ratio_to_bare:.2f}"
        spread = f"{_short(min(row.rounds))}…{_short(max(row.rounds))}" if len(row.rounds) > 1 else "–"
        measured = f"{_short(row.measured)} {row.unit}"
        table.add_row(TITLES[row.figure], row.deployment, measured, str(row.goal), met, ratio, spread, row.note)
    console.print(table)
    for name in dict.fromkeys(row.deployment for row in rows):
        console.print(f"{name}: {DURABILITY[cast(Place, name)]}", style="dim")
    console.print(
        f"Medians. Task inputs are JSON of {TASK_INPUT_BYTES} bytes. bare: the same load on a FastAPI endpoint that "
        "inserts one row, SQLite synchronous=FULL, in the same run.",
        style="dim",
    )


def write(rows: Sequence[Row], plan: Plan, machine: dict[str, Any], path: Path) -> None:
    """Write the rows and the circumstances as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "at": datetime.now().astimezone().isoformat("T", "seconds"),
        "machine": machine,
        "plan": {name: getattr(plan, name) for name in plan.__slots__},
        "rows": [_as_json(row) for row in rows],
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def describe_machine(directory: Path) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "kernel": platform.release(),
        "file_system": _output("stat", "-f", "-c", "%T", str(directory)),
        "commit": _output("git", "rev-parse", "--short", "HEAD"),
    }


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "figure": row.figure,
        "deployment": row.deployment,
        "durability": DURABILITY[cast(Place, row.deployment)],
        "measured": row.measured,
        "unit": row.unit,
        "goal": str(row.goal),
        "met": row.is_met,
        "rounds": list(row.rounds),
        "bare": row.bare,
        "ratio_to_bare": row.ratio_to_bare,
        "note": row.note,
    }


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
