"""What is known of a run: what it is asked, whether it has to end at a safe point, and what is new of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors.messages.dispatcher import ReportProgress
from actors.messages.tasks import CHECKPOINT_BYTES, CHECKPOINT_NESTING, Activity
from actors.messages.worker import StartTask
from gateway.json_body import MAX_NESTING, decode_json
from swarmpilot.safe_points import RunYielded, encode_checkpoint
from swarmpilot.worker.run_state import RunState
from swarmpilot.worker.task import task_of

START = StartTask("t", 2, "a", "", b"{}", "application/json", b"{}", "ti", "q", 1, b'{"step":3}')


def test_a_task_comes_with_the_checkpoint_it_goes_on_from() -> None:
    task = task_of(START)
    assert (task.attempt, task.resumption, task.checkpoint) == (2, 1, {"step": 3})
    first = StartTask("t", 1, "a", "", b"{}", "application/json", b"{}", "ti", "q")
    assert task_of(first).checkpoint == {}


@pytest.mark.parametrize(
    ("asked", "last_word", "in_section", "cancelled", "ends"),
    [
        (False, False, False, False, False),
        (True, False, False, False, True),
        (True, False, True, False, False),
        (True, True, False, False, True),
        (True, True, True, False, True),
        (False, False, False, True, True),
        (False, False, True, True, True),
    ],
)
def test_when_a_safe_point_ends_the_run(
    asked: bool, last_word: bool, in_section: bool, cancelled: bool, ends: bool
) -> None:
    state = RunState(START, clock=lambda: 5.0)
    if in_section:
        state.sections.section("commit", 500).__enter__()
    if cancelled:
        state.cancelled.set()
    if asked:
        kept = ("commit", 500.0) if in_section and not last_word else ("", 0.0)
        assert state.request("urgent", last_word) == kept
        assert (state.preempt_requested, state.preempt_reason) == (True, "urgent")
    assert state.terminate_requested == (asked and last_word)
    assert state.has_to_end == ends


def test_the_last_word_stays_the_last() -> None:
    state = RunState(START)
    state.request("urgent", terminate=True)
    state.request("urgent", terminate=False)
    assert state.terminate_requested


def test_what_unwinds_a_run_passes_by_what_catches_exceptions() -> None:
    assert not issubclass(RunYielded, Exception)


@pytest.mark.parametrize("checkpoint", [None, [1], "text", 5, {1: 2}, {"x": object()}])
def test_what_is_no_json_object_is_no_checkpoint(checkpoint: Any) -> None:
    with pytest.raises(TypeError, match="checkpoint must"):
        encode_checkpoint(checkpoint)


def test_a_checkpoint_has_a_largest_size() -> None:
    frame = len('{"x":""}')
    assert len(encode_checkpoint({"x": "y" * (CHECKPOINT_BYTES - frame)})) == CHECKPOINT_BYTES
    with pytest.raises(ValueError, match="1048576"):
        encode_checkpoint({"x": "y" * (CHECKPOINT_BYTES - frame + 1)})


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"x":', "}")])
def test_a_checkpoint_is_as_deep_as_any_json_that_is_taken(opening: str, closing: str) -> None:
    def nested(levels: int) -> Any:
        return json.loads('{"x":' + opening * (levels - 1) + "1" + closing * (levels - 1) + "}")

    assert decode_json(encode_checkpoint(nested(CHECKPOINT_NESTING))) == nested(CHECKPOINT_NESTING)
    assert encode_checkpoint({"many": [{"flat": []}] * 100, "text": "[" * 100})
    with pytest.raises(ValueError, match="nested deeper than 32"):
        encode_checkpoint(nested(CHECKPOINT_NESTING + 1))
    assert CHECKPOINT_NESTING == MAX_NESTING


def test_a_checkpoint_is_as_it_was_at_the_safe_point() -> None:
    state, checkpoint = RunState(START), {"step": 4}
    state.remember(checkpoint)
    checkpoint["step"] = 5
    assert state.checkpoint == b'{"step":4}'


def test_only_what_is_new_is_told() -> None:
    state = RunState(START)
    assert state.news() is None, "the scheduler has given the checkpoint itself"
    state.remember({"step": 4})
    state.describe(branch="main")
    news = state.news()
    assert news == ReportProgress("t", 2, 1, "a", Activity(branch="main"), None, b'{"step":4}')
    assert state.news() == news, "nobody has heard it yet"
    state.told(news)
    assert state.news() is None
    state.note_progress(0.5)
    state.describe(description="half of it")
    assert state.news() == ReportProgress("t", 2, 1, "a", Activity(branch="main", description="half of it"), 0.5)


def test_the_latest_wins() -> None:
    state = RunState(START)
    for step in range(10):
        state.remember({"step": step})
        state.note_progress(step / 10)
    news = state.news()
    assert news is not None
    assert (news.checkpoint, news.progress) == (b'{"step":9}', 0.9)
    state.remember({"step": 10})
    state.told(news)
    assert state.news() == ReportProgress("t", 2, 1, "a", checkpoint=b'{"step":10}')


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("description", "word " * 201, "at most 200 words, and has 201"),
        ("description", "x" * 4001, "at most 4000 characters"),
        ("branch", "x" * 256, "at most 255 characters"),
        ("repo_id", 5, "must be a text"),
    ],
)
def test_an_activity_that_cannot_be_shown_names_field_and_rule(field: str, value: Any, rule: str) -> None:
    state = RunState(START)
    with pytest.raises(ValueError, match=f"{field} must.*{rule}|{field} {rule}"):
        state.describe(**{field: value})
    assert state.news() is None


def test_two_hundred_words_may_be_said() -> None:
    state = RunState(START)
    state.describe(description="word " * 200)
    assert state.news() is not None


@pytest.mark.parametrize("fraction", [-0.01, 1.01, float("nan"), "half", None, True])
def test_progress_is_from_0_to_1(fraction: Any) -> None:
    with pytest.raises(ValueError, match="fraction must be a number from 0 to 1"):
        RunState(START).note_progress(fraction)
