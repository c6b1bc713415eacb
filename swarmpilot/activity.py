"""What agents are at, as the clients read it: entries by pages, and the stream of their changes; without any I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlencode

from swarmpilot.calls import Call
from swarmpilot.errors import SchedulerError

PAGE: Final = 1_000
SILENCE_S: Final = 45.0
"""A stream that says nothing for so long (s) is broken: three heartbeats are missing."""


ChangeKind: TypeAlias = Literal["live", "ended", "purged", "reset"]


@dataclass(frozen=True, slots=True)
class ActivityEntry:
    """What an agent is at with one task, after its last change.

    `status` is live, ended, or purged; `state` the task's. `progress` is from 0 to 1 where the worker has told it.
    `timestamp` is that of the last change (Unix seconds), `change` its number: later changes have higher ones.
    """

    task_id: str
    agent_id: str
    repo_id: str
    worktree_id: str
    branch: str
    description: str
    progress: float | None
    state: str
    status: str
    timestamp: float
    change: int


@dataclass(frozen=True, slots=True)
class ActivityChange:
    """Something that happened: an entry is there or has changed (`live`), its task has ended, it has been purged.

    `reset` has no entry: what happened meanwhile is not known any more, so forget all, what is live comes anew.
    """

    kind: ChangeKind
    entry: ActivityEntry | None


@dataclass(frozen=True, slots=True)
class ActivityQuery:
    """Which entries are meant; None stands for any."""

    agent_id: str | None = None
    repo_id: str | None = None
    worktree_id: str | None = None
    task_id: str | None = None

    def path(self, path: str, **more: int | None) -> str:
        """The path with what is asked for."""
        asked = {
            "agent_id": self.agent_id,
            "repo_id": self.repo_id,
            "worktree_id": self.worktree_id,
            "task_id": self.task_id,
            **more,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return path + ("?" + urlencode(given) if given else "")


class ActivityPages:
    """Asks for page after page until there are `limit` entries, or no more."""

    def __init__(self, query: ActivityQuery, limit: int, *, is_history: bool) -> None:
        self.entries: list[ActivityEntry] = []
        self._query = query
        self._limit = limit
        self._path, self._cursor = ("/activity/history", "before") if is_history else ("/activity", "after")
        self._next: int | None = None
        self._is_complete = limit <= 0

    def call(self) -> Call[None] | None:
        """The request for the next page, None where all is there."""
        if self._is_complete:
            return None
        size = min(PAGE, self._limit - len(self.entries))
        return Call("GET", self._query.path(self._path, **{self._cursor: self._next}, limit=size), self._take)

    def _take(self, body: dict[str, Any]) -> None:
        self.entries += [_entry(entry) for entry in body["entries"]]
        self._next = body["next"]
        self._is_complete = self._next is None or len(self.entries) >= self._limit


class ActivityEvents:
    """Reads a stream of events line by line. `position` is the change to go on after, None before the first."""

    def __init__(self, position: int | None = None) -> None:
        self.position = position
        self._fields: dict[str, str] = {}

    @property
    def headers(self) -> dict[str, str]:
        """What to send so that the stream goes on where this one was."""
        asked = {"Accept": "text/event-stream"}
        return asked if self.position is None else {**asked, "Last-Event-ID": str(self.position)}

    def connect(self) -> None:
        """A new connection begins: what was left of an event on the last one is void."""
        self._fields = {}

    def take(self, line: bytes) -> ActivityChange | None:
        """What a line completes. Raises SchedulerError where it is not understood."""
        if not line.endswith(b"\n"):
            return None  # cut off with its connection, maybe in the middle of a character
        text = line.decode().rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        try:
            change = _change(fields)
            self.position = int(fields["id"]) if "id" in fields else self.position
        except (KeyError, TypeError, ValueError) as failure:
            raise SchedulerError(f"an event in an unknown shape ({failure!r}): {fields}") from None
        return change


def _change(fields: dict[str, str]) -> ActivityChange | None:
    match fields.get("event"):
        case "reset":
            return ActivityChange("reset", None)
        case "live" | "ended" | "purged" as kind:
            return ActivityChange(kind, _entry(json.loads(fields["data"])))
        case _:
            return None  # a comment, or of a newer server


def _entry(body: dict[str, Any]) -> ActivityEntry:
    return ActivityEntry(
        task_id=str(body["task_id"]),
        agent_id=str(body["agent_id"]),
        repo_id=str(body["repo_id"]),
        worktree_id=str(body["worktree_id"]),
        branch=str(body["branch"]),
        description=str(body["description"]),
        progress=None if body["progress"] is None else float(body["progress"]),
        state=str(body["state"]),
        status=str(body["status"]),
        timestamp=datetime.fromisoformat(body["timestamp"]).timestamp(),
        change=int(body["change"]),
    )
