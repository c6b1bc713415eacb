"""Whose task a report is about where several instances have given the same id."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from actors.store import TaskRow
from actors.task_lifecycle import TaskState
from gateway.remote_ids import address_of, choose, may_name_an_instance


def row(task_id: str, ti_uuid: str, state: TaskState = TaskState.RUNNING) -> TaskRow:
    return TaskRow(task_id, "a", "m", 0, "", "rest", "d", state, 1.0, scheduled_ti=ti_uuid, remote_id="1")


@pytest.mark.parametrize(
    ("senders", "meant"), [(["x"], "t1"), (["y"], "t2"), (["x", "y"], "t1"), ([], "t1"), (["z"], None)]
)
def test_the_sender_decides_and_else_the_oldest(senders: list[str], meant: str | None) -> None:
    rows = [row("t1", "x"), row("t2", "y"), row("t3", "x", TaskState.COMPLETED)]
    chosen = choose(rows, "1", senders)
    assert (chosen and chosen.task_id) == meant


def test_a_guess_is_logged_and_nothing_else() -> None:
    rows = [row("t1", "x"), row("t2", "y"), row("t3", "z", TaskState.FAILED)]
    with capture_logs() as logs:
        choose(rows, "1", ["x"])
        choose(rows[1:], "1", [])
        assert logs == []
        choose(rows, "1", [])
    [guess] = logs
    assert (guess["log_level"], guess["task_id"], guess["tasks"]) == ("warning", "t1", 2)


def test_a_repeat_of_an_ended_tasks_report_means_that_task() -> None:
    rows = [row("t1", "x"), row("t3", "y", TaskState.COMPLETED), row("t2", "y", TaskState.COMPLETED)]
    chosen = choose(rows, "1", ["y"])
    assert chosen
    assert chosen.task_id == "t3", "the newest of those that have ended"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("gpu-1:8100", ("gpu-1", 8100)),
        ("http://GPU-1:8100/", ("gpu-1", 8100)),
        ("127.0.0.1:8100", ("localhost", 8100)),
        ("[::1]:8100", ("localhost", 8100)),
        ("gpu-1", None),
        ("worker1-instance", None),
        ("http://gpu-1", None),
        ("gpu-1:99999", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_addresses_are_read_however_they_are_written(text: str, address: tuple[str, int] | None) -> None:
    assert address_of(text) == address
    assert may_name_an_instance(text) == (address is not None)


def test_a_ti_uuid_may_name_an_instance() -> None:
    assert may_name_an_instance("550e8400-e29b-41d4-a716-446655440000")
