"""What an attached worker is asked. It answers each: TaskTaken, YieldNoted, TaskStopped, WorkerAlive, WorkerLeaving, or
Refused.

What it asks in its turn are AttachWorker and DetachWorker of the scheduler, and Report, ReportYield and ReportProgress
of its dispatcher.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class StartTask(Struct, frozen=True):
    """Run this attempt of a task. -> TaskTaken. The same task, attempt and resumption again is the same run.

    `resumption` counts from 0 how often the attempt has been resumed after it had given way; `checkpoint` is the JSON
    text of what it last left behind, empty where it has left nothing. `input` is the payload as it was submitted,
    `metadata` the JSON text of the metadata object. The report of its end goes to the dispatcher `ti_uuid`, whose queue
    on a broker is `report_queue`.
    """

    task_id: str
    attempt: int
    agent_id: str
    model_name: str
    input: bytes
    content_type: str
    metadata: bytes
    ti_uuid: str
    report_queue: str
    resumption: int = 0
    checkpoint: bytes = b""


class YieldTask(Struct, frozen=True):
    """This run has to give way at its next safe point, within `grace_ms`. -> YieldNoted.

    `terminate`: it was asked before and has not been heard of: this is the last word before it is stopped.
    """

    task_id: str
    attempt: int
    resumption: int
    reason: str
    grace_ms: int
    terminate: bool = False


class StopTask(Struct, frozen=True):
    """This run no longer counts: stop it where that is possible. -> TaskStopped."""

    task_id: str
    attempt: int
    reason: str
    resumption: int = 0


class LeaveAgent(Struct, frozen=True):
    """The agent is being shut down: finish what you run within `grace_ms`, then go. -> WorkerLeaving."""

    reason: str
    grace_ms: int


class PingWorker(Struct, frozen=True):
    """Say that you are there. -> WorkerAlive."""


WorkerMessage: TypeAlias = StartTask | YieldTask | StopTask | LeaveAgent | PingWorker
