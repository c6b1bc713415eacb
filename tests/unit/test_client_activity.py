"""What the clients make of activity: pages, and events line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swarmpilot.activity import ActivityChange, ActivityEntry, ActivityEvents, ActivityPages, ActivityQuery
from swarmpilot.backoff import Patience
from swarmpilot.calls import read_answer
from swarmpilot.errors import SchedulerError, SchedulerUnavailable

ABOUT = {"agent_id": "a", "repo_id": "r", "worktree_id": "w", "branch": "b", "description": "d", "progress": 0.5}
WHEN = {"state": "running", "status": "live", "timestamp": "2025-10-11T12:00:00.500Z"}


def body(number: int) -> dict[str, Any]:
    return {"task_id": f"t{number}", **ABOUT, **WHEN, "change": number}


def entry(number: int) -> ActivityEntry:
    return ActivityEntry(f"t{number}", "a", "r", "w", "b", "d", 0.5, "running", "live", 1760184000.5, number)


def taken(events: ActivityEvents, text: str) -> list[ActivityChange]:
    return [change for line in text.encode().splitlines(keepends=True) if (change := events.take(line))]


def test_pages_are_asked_for_until_there_is_enough() -> None:
    pages = ActivityPages(ActivityQuery(agent_id="a b", task_id="t"), 1001, is_history=False)
    paths, rest = [], [(list(range(1, 1001)), 1000), ([1001], None)]
    while (call := pages.call()) is not None:
        paths.append(call.path)
        numbers, following = rest.pop(0)
        answer = json.dumps({"entries": [body(n) for n in numbers], "next": following})
        read_answer(call, 200, None, answer.encode())
    assert paths == [
        "/activity?agent_id=a+b&task_id=t&limit=1000",
        "/activity?agent_id=a+b&task_id=t&after=1000&limit=1",
    ]
    assert pages.entries == [entry(n) for n in range(1, 1002)]


def test_the_history_goes_backwards_and_ends_where_it_ends() -> None:
    pages = ActivityPages(ActivityQuery(), 3, is_history=True)
    for numbers, following in (([9, 8], 8), ([7], None)):
        call = pages.call()
        assert call is not None
        read_answer(call, 200, None, json.dumps({"entries": [body(n) for n in numbers], "next": following}).encode())
        assert "before=8" in call.path or following
    assert pages.call() is None
    assert ActivityPages(ActivityQuery(), 0, is_history=True).call() is None


def test_a_line_that_was_cut_off_says_nothing_wherever_it_was_cut() -> None:
    line = f"data: {json.dumps(body(4) | {'description': 'été'}, ensure_ascii=False)}\n".encode()
    for cut in range(len(line)):
        events = ActivityEvents()
        assert taken(events, "id: 4\nevent: live\n") == []
        assert events.take(line[:cut]) is None
        assert events.position is None


def test_events_are_read_and_their_place_is_known() -> None:
    events = ActivityEvents()
    assert events.headers == {"Accept": "text/event-stream"}
    live = f"id: 4\nevent: live\ndata: {json.dumps(body(4))}\n\n"
    assert taken(events, live) == [ActivityChange("live", entry(4))]
    assert taken(events, "event: reset\ndata: {}\n\n") == [ActivityChange("reset", None)]
    assert events.headers["Last-Event-ID"] == "4"
    assert taken(events, ": alive\nid: 7\n\n: nothing\n\nevent: of a newer server\ndata: 1\n\n") == []
    assert events.headers["Last-Event-ID"] == "7"


def test_what_was_cut_off_is_void() -> None:
    events = ActivityEvents(3)
    assert taken(events, "id: 9\nevent: live\n") == []
    events.connect()
    assert events.headers["Last-Event-ID"] == "3"
    assert taken(events, "\n") == []
    with pytest.raises(SchedulerError, match="unknown shape"):
        taken(events, "id: 9\nevent: live\ndata: {}\n\n")


def test_a_lost_connection_is_made_again_for_as_long_as_asked() -> None:
    lost = SchedulerUnavailable("away", retry_after_s=7.0)
    assert Patience(60.0).pause_after(lost) == 7.0
    with pytest.raises(SchedulerUnavailable):
        Patience(6.0).pause_after(lost)
    patience = Patience(8.0)
    patience.pause_after(lost)
    patience.heard()
    assert patience.pause_after(lost) == 7.0, "it broke anew"
