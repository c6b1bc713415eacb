"""Agents as the scheduler describes them. Times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AgentWorker:
    """A worker that is attached as an agent, and how many tasks it runs of those it may."""

    worker_id: str
    condition: str
    capacity: int
    running: int


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """How an agent is: `state` since `since`, because of `cause`; `failure_code` says why it has failed.

    Unless that changes, it will have failed at `times_out_at`. It runs at most `slots` tasks at once. From a shutdown
    until a worker attaches again it accepts no tasks; what it runs may finish until `shutdown_until`.
    """

    agent_id: str
    state: str
    since: float
    cause: str
    failure_code: str = ""
    times_out_at: float | None = None
    accepts_tasks: bool = True
    shutdown_until: float | None = None
    slots: int = 1
    running: int = 0
    waiting: int = 0
    workers: tuple[AgentWorker, ...] = ()


def agent_record(body: dict[str, Any]) -> AgentRecord:
    """A record from the JSON of an answer."""
    return AgentRecord(
        agent_id=str(body["agent_id"]),
        state=str(body["state"]),
        since=float(body["since"]),
        cause=str(body["cause"]),
        failure_code=str(body["failure_code"]),
        times_out_at=body["times_out_at"],
        accepts_tasks=bool(body["accepts_tasks"]),
        shutdown_until=body["shutdown_until"],
        slots=int(body["slots"]),
        running=int(body["running"]),
        waiting=int(body["waiting"]),
        workers=tuple(
            AgentWorker(str(each["worker_id"]), str(each["condition"]), int(each["capacity"]), int(each["running"]))
            for each in body["workers"]
        ),
    )


def agent_page(body: dict[str, Any]) -> tuple[list[AgentRecord], bool]:
    """Some agents, and whether there are more after them."""
    return [agent_record(each) for each in body["agents"]], bool(body["more"])
