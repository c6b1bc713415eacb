"""What the command line shows of names that clients have chosen: as they are, whatever they look like to rich."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.table import Table

from swarmpilot.cli.dead import letters_table
from swarmpilot.cli.output import instances_table, task_table
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


def test_a_worker_is_called_by_its_own_name() -> None:
    console = Console(width=120, no_color=True)
    with console.capture() as captured:
        console.print(instances_table([InstanceQueue("agent:a", "1b5a-ti", 0.0, 0.0, "nightly-worker", 0, "up")]))
    assert "nightly-worker" in captured.get()


def test_a_terminal_of_80_columns_has_room_for_the_id_of_a_dead_letter_and_for_words() -> None:
    letter = DeadRecord(
        "e0423c13509a47fdab97289692a7556a", "command", "swarm.scheduler", "SubmitTask", "", 1.0, "priority", 1
    )
    console = Console(width=80, no_color=True)
    with console.capture() as captured:
        console.print(letters_table([letter]))
    assert {letter.id, "priority"} <= set(captured.get().split())
