"""What an instance holds: each key is run once, within its capacity, first come first served."""

from __future__ import annotations

import pytest

from swarmpilot.instance.ledger import Ledger, Taking
from swarmpilot.instance.pushes import BadPush, Push, YieldRequest, read_push, read_yield_request, run_of


def push(key: str) -> Push:
    return Push(key, key.partition(":")[0], run_of(key)[0], "m", {}, {})


def started(ledger: Ledger[Push]) -> list[str]:
    return [one.key for one in ledger.startable()]


def test_runs_as_many_as_its_capacity_in_order_of_arrival() -> None:
    ledger: Ledger[Push] = Ledger(2)
    for key in ("a:1", "b:1", "c:1", "d:1"):
        assert ledger.take(push(key)) is Taking.NEW
    assert started(ledger) == ["a:1", "b:1"]
    assert started(ledger) == []
    ledger.end("b:1", b"{}")
    assert started(ledger) == ["c:1"]
    assert (ledger.running, ledger.waiting) == (2, 1)


def test_a_repeated_key_is_one_run_while_waiting_running_and_ended() -> None:
    ledger: Ledger[Push] = Ledger(1)
    ledger.take(push("a:1"))
    assert ledger.take(push("a:1")) is Taking.HELD
    ledger.startable()
    assert ledger.take(push("a:1")) is Taking.HELD
    ledger.end("a:1", b"report")
    assert ledger.take(push("a:1")) is Taking.ENDED
    assert ledger.report_of("a:1") == b"report"
    assert started(ledger) == []


def pushed(task_input: str, checkpoint: str = "{}") -> Push:
    return read_push(f'{{"task_id":"a","task_input":{task_input},"checkpoint":{checkpoint}}}'.encode(), "a:1")


def test_other_content_under_a_key_that_has_ended_is_another_task_whose_id_is_used_anew() -> None:
    ledger: Ledger[Push] = Ledger(1)
    ledger.take(pushed('{"city": "Rome"}'))
    ledger.startable()
    ledger.end("a:1", b"Rome is hot")
    assert ledger.take(pushed('{"city": "Rome"}', '{"later": 1}')) is Taking.ENDED
    assert ledger.take(pushed('{"city": "Oslo"}')) is Taking.NEW
    assert ledger.report_of("a:1") is None
    assert started(ledger) == ["a:1"]
    ledger.end("a:1", b"Oslo is cold")
    assert ledger.take(pushed('{"city": "Oslo"}')) is Taking.ENDED


def test_a_key_that_ended_a_day_ago_is_another_task_whose_id_is_used_anew() -> None:
    now = [0.0]
    ledger: Ledger[Push] = Ledger(1, clock=lambda: now[0])
    ledger.take(push("monthly:1"))
    ledger.startable()
    ledger.end("monthly:1", b"of May")
    now[0] = 86_400.0
    assert ledger.take(push("monthly:1")) is Taking.ENDED
    now[0] = 30 * 86_400.0
    assert ledger.take(push("monthly:1")) is Taking.NEW


def test_another_attempt_of_the_same_task_is_another_run() -> None:
    ledger: Ledger[Push] = Ledger(2)
    ledger.take(push("a:1"))
    assert ledger.take(push("a:2")) is Taking.NEW
    assert started(ledger) == ["a:1", "a:2"]
    assert [one.attempt for one in ledger.running_of("a")] == [1, 2]


def test_endings_are_forgotten_oldest_first_beyond_either_bound() -> None:
    ledger: Ledger[Push] = Ledger(1, remember=2, remember_bytes=100)
    for key in ("a", "b", "c"):
        ledger.end(key, b"x" * 10)
    assert [ledger.report_of(key) is None for key in ("a", "b", "c")] == [True, False, False]
    ledger.end("d", b"x" * 95)
    assert [ledger.report_of(key) is None for key in ("b", "c", "d")] == [True, True, False]


def test_capacity_must_be_positive() -> None:
    with pytest.raises(ValueError, match="capacity must be at least 1, got 0"):
        Ledger(0)


def test_a_push_is_read_with_its_key() -> None:
    body = b'{"model_name": "m", "task_input": {"x": 1}, "metadata": {"u": 2}, "task_id": "a:b"}'
    assert read_push(body, "a:b:3") == Push("a:b:3", "a:b", 3, "m", {"x": 1}, {"u": 2})
    assert read_push(body, None) == Push("a:b", "a:b", 0, "m", {"x": 1}, {"u": 2})


def test_a_push_that_resumes_a_run_says_which_and_from_where() -> None:
    body = b'{"task_input": {}, "task_id": "t", "checkpoint": {"step": 4}}'
    read = read_push(body, "t:2.1")
    assert (read.key, read.attempt, read.resumption, read.checkpoint) == ("t:2.1", 2, 1, {"step": 4})


@pytest.mark.parametrize(
    ("key", "run"),
    [
        ("t:2", (2, 0)),
        ("t:2.1", (2, 1)),
        ("a.b:c:12.30", (12, 30)),
        ("t.5", (0, 0)),
        ("t:2.", (0, 0)),
        ("t:.2", (0, 0)),
        ("t:1.2.3", (0, 0)),
        ("t:٣", (0, 0)),
        ("", (0, 0)),
        (None, (0, 0)),
    ],
)
def test_a_key_names_attempt_and_resumption(key: str | None, run: tuple[int, int]) -> None:
    assert run_of(key) == run


def test_a_request_to_give_way_needs_nothing_said() -> None:
    assert read_yield_request(b"") == YieldRequest("", False)
    body = b'{"attempt": 1, "resumption": 0, "reason": "urgent", "grace_ms": 5, "terminate": true}'
    assert read_yield_request(body) == YieldRequest("urgent", True)
    with pytest.raises(BadPush, match="reason"):
        read_yield_request(b'{"reason": 1}')


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"task_input": {}}', "task_id"),
        (b'{"task_id": "", "task_input": {}}', "task_id"),
        (b'{"task_id": 1, "task_input": {}}', "task_id"),
        (b'{"task_id": "a", "task_input": [1]}', "task_input"),
        (b'{"task_id": "a", "task_input": {}, "metadata": "x"}', "metadata"),
        (b'{"task_id": "a", "task_input": {}, "checkpoint": [1]}', "checkpoint"),
        (b'{"task_id": "a", "task_input": ' + b'{"a":' * 100_000, "recursion"),
    ],
)
def test_a_bad_push_is_refused_with_the_field(body: bytes, named: str) -> None:
    with pytest.raises(BadPush, match=named):
        read_push(body, "a:1")
