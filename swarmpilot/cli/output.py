"""How values are printed: JSON for programs, tables for people."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from swarmpilot.activity import ActivityChange, ActivityEntry
from swarmpilot.agents import AgentRecord
from swarmpilot.records import InstanceQueue, TaskRecord

AGENT_STATES = {"running": "green", "failed": "red", "recovering": "yellow", "shutting_down": "yellow"}
WIDEST = 1_000_000
"""No table is as wide (columns)."""
CONDITIONS = {"up": "green", "down": "red", "draining": "yellow"}


def print_json(value: Any) -> None:
    """Print a value as indented JSON, in colour on a terminal."""
    console = Console()
    text = json.dumps(value, indent=2, ensure_ascii=not console.encoding.startswith("utf"))
    if console.is_terminal:
        console.print_json(text, ensure_ascii=text.isascii())
    else:
        console.file.write(text + "\n")


def show(what: Table | Text, console: Console | None = None) -> None:
    """Print it: folded into the width of a terminal, as wide as it is where a program reads it."""
    console = console or Console()
    if not console.is_terminal:
        if isinstance(what, Table):
            what.expand = False
        unbounded = console.options.update(max_width=WIDEST)
        console.width = max(console.width, Measurement.get(console, unbounded, what).maximum)
    console.print(what)


def duration(milliseconds: float | None) -> str:
    """A duration as people read it: 12 ms, 3.4 s, 5 min."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def address(host: str, port: int) -> str:
    """Where an instance is; of a worker that connected by itself, and has no port, its id."""
    if not port:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def instances_table(queues: list[InstanceQueue], names: dict[int, str] | None = None) -> Table:
    """A line per instance; `names` gives ports a name, tells that all are of one model, and that room is scarce."""
    if names:
        table = Table(box=None, expand=True, pad_edge=False, collapse_padding=True)
    else:
        table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    # Names of any length must not take the room of the figures.
    for header in ("instance", "is") if names else ("instance", "model"):
        table.add_column(header, no_wrap=bool(names), overflow="fold")
    if not names:
        table.add_column("condition", no_wrap=True)
    for header in ("runs", "waiting", "expected wait") if names else ("running", "waiting", "expected wait"):
        table.add_column(header, justify="right", no_wrap=True)
    order = list(names or {})
    for queue in sorted(queues, key=lambda q: (q.port in order and order.index(q.port), q.model_name, q.host, q.port)):
        name = (names or {}).get(queue.port) or address(queue.host, queue.port) or queue.ti_uuid[:8]
        table.add_row(
            Text(name),
            *(() if names else (Text(queue.model_name),)),
            Text(queue.condition or "–", style=CONDITIONS.get(queue.condition, "")),
            f"{queue.running}/{queue.capacity}",
            str(queue.waiting),
            f"{duration(queue.waiting_ms)} ± {duration(queue.waiting_error_ms)}",
        )
    return table


def task_table(record: TaskRecord) -> Table:
    """A task, a line per field."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("task", Text(record.task_id))
    table.add_row("status", record.status if record.state == record.status else f"{record.status} ({record.state})")
    if record.reason:
        table.add_row("reason", Text(record.reason))
    table.add_row("model", Text(record.model_name or "–"))
    table.add_row("instance", record.scheduled_ti or "–")
    table.add_row("priority", str(record.priority))
    table.add_row("attempt", str(record.attempt))
    table.add_row("submitted", datetime.fromtimestamp(record.submit_time).astimezone().isoformat(" ", "seconds"))
    table.add_row("execution time", duration(record.execution_ms))
    if record.has_failed:
        table.add_row("error", Text(record.failure, style="red"))
    table.add_row("result", Text(json.dumps(record.result, indent=2, ensure_ascii=False)))
    return table


def agents_table(records: list[AgentRecord]) -> Table:
    """A line per agent."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    table.add_column("agent", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("because", overflow="fold")
    for header in ("running", "waiting", "workers"):
        table.add_column(header, justify="right", no_wrap=True)
    for record in records:
        up = sum(worker.condition == "up" for worker in record.workers)
        table.add_row(
            Text(record.agent_id),
            _agent_state(record),
            Text(record.cause),
            f"{record.running}/{record.slots}",
            str(record.waiting),
            f"{up}/{len(record.workers)} up" if record.workers else "–",
        )
    return table


def agent_table(record: AgentRecord) -> Table:
    """An agent, a line per field."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("agent", Text(record.agent_id))
    table.add_row("state", _agent_state(record))
    table.add_row("because", Text(record.cause))
    table.add_row("since", _local_time(record.since))
    if record.times_out_at is not None:
        table.add_row("fails at", _local_time(record.times_out_at))
    if not record.accepts_tasks:
        table.add_row("takes tasks", "no, until a worker attaches")
    if record.shutdown_until is not None:
        table.add_row("stops tasks at", _local_time(record.shutdown_until))
    table.add_row("running", f"{record.running} of at most {record.slots}")
    table.add_row("waiting", str(record.waiting))
    for worker in record.workers:
        table.add_row(
            "worker", Text(f"{worker.worker_id}: {worker.condition}, runs {worker.running}/{worker.capacity}")
        )
    return table


def _agent_state(record: AgentRecord) -> Text:
    said = f"{record.state} ({record.failure_code})" if record.failure_code else record.state
    return Text(said, style=AGENT_STATES.get(record.state, ""))


def _local_time(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s).astimezone().isoformat(" ", "seconds")


def activity_table(entries: list[ActivityEntry]) -> Table:
    """A line per entry."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    for header in ("changed", "agent", "task"):
        table.add_column(header, overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("done", justify="right", no_wrap=True)
    for header in ("where", "what"):
        table.add_column(header, overflow="fold")
    for entry in entries:
        where, what = Text(_where(entry)), Text(entry.description)
        table.add_row(
            _clock(entry), Text(entry.agent_id), Text(entry.task_id), entry.state, _share(entry.progress), where, what
        )
    return table


def activity_line(change: ActivityChange) -> Text:
    """A change on one line."""
    entry = change.entry
    if entry is None:
        return Text("what happened meanwhile is not known; what is live follows", style="yellow")
    said = [_clock(entry), entry.agent_id, entry.task_id, "purged" if change.kind == "purged" else entry.state]
    said += [text for text in (_share(entry.progress), _where(entry), entry.description) if text]
    return Text("  ".join(" ".join(text.split()) for text in said), style="dim" if change.kind != "live" else "")


def _clock(entry: ActivityEntry) -> str:
    return datetime.fromtimestamp(entry.timestamp).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _where(entry: ActivityEntry) -> str:
    return " ".join(text for text in (entry.repo_id, entry.worktree_id, entry.branch) if text)


def _share(progress: float | None) -> str:
    return "" if progress is None else f"{progress:.0%}"
