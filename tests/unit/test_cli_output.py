"""What the command line shows of names that clients have chosen: as they are, whatever they look like to rich."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console
from rich.table import Table

from swarmpilot.activity import ActivityEntry
from swarmpilot.agents import AgentRecord
from swarmpilot.cli.dead import letters_table
from swarmpilot.cli.output import activity_table, agents_table, instances_table, show, task_table
from swarmpilot.dead import DeadRecord
from swarmpilot.records import InstanceQueue, TaskRecord

NAME = "[/x] [red]a :smile:"
RECORD = TaskRecord(NAME, "queued", "queued", "ti", 1.0, None, model_name=NAME, reason=f"waits behind {NAME}")
QUEUE = InstanceQueue(f"model {NAME}", "ti", 0.0, 0.0, host=f"host {NAME}", port=1)


@pytest.mark.parametrize(
    ("table", "shown"), [(task_table(RECORD), 3), (instances_table([QUEUE]), 2)], ids=["a task", "instances"]
)
def test_names_are_shown_as_they_are(table: Table, shown: int) -> None:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table)
    assert captured.get().count(NAME) == shown


def test_a_terminal_of_80_columns_has_room_for_the_id_of_a_dead_letter_and_for_words() -> None:
    letter = DeadRecord(
        "e0423c13509a47fdab97289692a7556a", "command", "swarm.scheduler", "SubmitTask", "", 1.0, "priority", 1
    )
    console = Console(width=80, no_color=True)
    with console.capture() as captured:
        console.print(letters_table([letter]))
    assert {letter.id, "priority"} <= set(captured.get().split())


LONG = "meta-llama/Meta-Llama-3.1-70B-Instruct-AWQ-INT4-of-the-second-rack"
TASK = "task-87f4672dfaa346d391f6aaf296ab2b2b"
ENTRY = ActivityEntry(
    TASK, "worker-1", "my-repo", "wt-1", "main", "writes the tests", 0.5, "running", "live", 1.0, change=1
)
AGENT = AgentRecord("worker-1", "runnable", 1.0, f"task {TASK} has ended", waiting=2)
TABLES = {
    "instances": lambda: instances_table([QUEUE, replace(QUEUE, model_name=LONG)]),
    "activity": lambda: activity_table([ENTRY]),
    "agents": lambda: agents_table([AGENT, replace(AGENT, agent_id=LONG)]),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_name_is_so_long_that_something_else_is_left_out(table: Callable[[], Table]) -> None:
    console = Console(width=80, force_terminal=True)
    with console.capture() as captured:
        show(table(), console)
    assert "…" not in captured.get()
    for column in table().columns:
        assert str(column.header) in captured.get()


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_who_reads_a_table_from_a_pipe_has_a_line_a_row(table: Callable[[], Table]) -> None:
    file = io.StringIO()
    show(table(), Console(file=file, width=80))
    head_and_rows = [line for line in file.getvalue().splitlines() if line.strip()]
    assert len(head_and_rows) == 2 + table().row_count
    assert (LONG if table().row_count == 2 else TASK) in file.getvalue()


def test_an_instance_is_called_by_what_it_can_be_reached_at() -> None:
    worker, there = replace(QUEUE, host="worker-1-0a1b", port=0), replace(QUEUE, host="::1", port=8100)
    file = io.StringIO()
    show(instances_table([worker, there, replace(QUEUE, host="", port=0)]), Console(file=file))
    for name in ("worker-1-0a1b ", "[::1]:8100", "ti "):
        assert f" {name}" in file.getvalue()
