"""The rows of activity entries are what the agents' events say."""

from __future__ import annotations

from typing import Any

from actors.activity_rows import note_entry
from actors.agent import events as ev
from actors.messages.tasks import Activity
from actors.store import Transaction
from actors.task_lifecycle import TaskState

ON_MAIN = Activity(repo_id="r", branch="main", description="tidy up")
EXPECTED = ev.TaskExpected("t1", 10.0, ON_MAIN)
BEGAN = ev.AttemptBegan("t1", 1, "ti", 12.0, 99.0)
FINISHED = ev.TaskFinished("t1", TaskState.FAILED, 1, "ti", 15.0)


def noted(*events: Any, agent_id: str = "a") -> Transaction:
    transaction = Transaction()
    for event in events:
        note_entry(transaction, agent_id, event)
    return transaction


def test_an_admitted_task_is_a_whole_row() -> None:
    assert noted(EXPECTED).new_entries == {
        "t1": {
            "agent_id": "a",
            "repo_id": "r",
            "worktree_id": "",
            "branch": "main",
            "description": "tidy up",
            "timestamp": 10.0,
            "status": "live",
        }
    }
    registered = ev.ActivityRegistered("t1", 10.0, ON_MAIN)
    assert noted(registered).new_entries == noted(EXPECTED).new_entries, "later than others, and then as they are"


def test_nothing_is_known_of_a_task_that_says_nothing_or_was_refused() -> None:
    entry = noted(ev.TaskExpected("t1", 10.0)).new_entries["t1"]
    assert (entry["repo_id"], entry["description"]) == ("", "")
    assert not noted(ev.ActivityRefused("t1", 10.0)).touches_activity


def test_what_was_admitted_with_too_long_a_description_is_cut_as_in_the_buffer() -> None:
    activity = Activity(description=" ".join(["w"] * 201))
    entry = noted(ev.TaskExpected("t1", 10.0, activity)).new_entries["t1"]
    assert entry["description"] == " ".join(["w"] * 199) + " […]"


def test_steps_move_the_timestamp_alone() -> None:
    steps = (
        ev.AttemptPlaced("t1", 1, "ti", 11.0, 99.0),
        BEGAN,
        ev.AttemptAbandoned("t1", 1, "ti", 13.0, "why", 0.5),
        ev.PreemptionBegan("t1", 1, 0, "ti", 14.0, "why", 30.0, 44.0),
        ev.PreemptionDeferred("t1", "commit", 15.0, 45.0),
        ev.PreemptionSpared("t1", 16.0),
        ev.TerminationBegan("t1", 1, 0, 17.0, 47.0),
        ev.RunSuspended("t1", 1, 0, "ti", 18.0, 5.0),
    )
    for step in steps:
        assert noted(step).changed_entries == {"t1": {"agent_id": "a", "timestamp": step.at}}
    for other in (ev.LateReportSeen("t1", 1, "ti"), ev.ShutdownBegan(1.0, 2.0), ev.CallbackDelivered("t1")):
        assert not noted(other).touches_activity


def test_what_happens_in_one_transaction_is_one_change() -> None:
    transaction = noted(EXPECTED, BEGAN, FINISHED)
    assert not transaction.changed_entries
    assert transaction.new_entries["t1"]["timestamp"] == 15.0
    assert transaction.new_entries["t1"]["status"] == "ended"
    assert noted(BEGAN, FINISHED).changed_entries == {"t1": {"agent_id": "a", "timestamp": 15.0, "status": "ended"}}


def test_what_happened_before_there_was_an_entry_does_not_change_it() -> None:
    placed = ev.AttemptPlaced("t1", 1, "ti", 11.0, 99.0)
    transaction = noted(ev.ActivityRefused("t1", 10.0), placed, ev.ActivityRegistered("t1", 12.0, ON_MAIN))
    assert not transaction.changed_entries
    assert transaction.new_entries["t1"]["timestamp"] == 12.0


def test_progress_changes_what_it_says() -> None:
    said = ev.ProgressNoted("t1", 1, 0, 13.0, Activity(branch="b"), 0.5, True)
    assert noted(said).changed_entries == {"t1": {"agent_id": "a", "timestamp": 13.0, "branch": "b", "progress": 0.5}}
    nothing = ev.ProgressNoted("t1", 1, 0, 13.0)
    assert noted(nothing).changed_entries == {"t1": {"agent_id": "a", "timestamp": 13.0}}


def test_purging_names_entries_or_everything_that_had_ended_by_then() -> None:
    named = noted(ev.ActivityForgotten(("t1", "t2")))
    assert (list(named.purged_entries), named.purged_agents) == (["t1", "t2"], [])
    other = ev.TaskFinished("t9", TaskState.COMPLETED, 1, "ti", 15.0)
    everything = noted(FINISHED, BEGAN, ev.ActivityForgotten((), is_everything=True), other)
    assert everything.purged_agents == ["a"]
    assert list(everything.purged_entries) == ["t1"], "what the transaction itself has ended before, and not after"
