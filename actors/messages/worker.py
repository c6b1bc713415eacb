"""What an attached worker is asked. It answers each: TaskTaken, TaskStopped, WorkerAlive, or Refused.

What it asks in its turn are AttachWorker and DetachWorker of the scheduler, and Report of its dispatcher.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class StartTask:
    """Run this attempt of a task. -> TaskTaken. The same task and attempt again is the same run.

    `input` is the payload as it was submitted, `metadata` the JSON text of the metadata object. The report of its
    end goes to the dispatcher `ti_uuid`, whose queue on a broker is `report_queue`.
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


@dataclass(frozen=True, slots=True)
class StopTask:
    """This attempt no longer counts: stop it where that is possible. -> TaskStopped."""

    task_id: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class PingWorker:
    """Say that you are there. -> WorkerAlive."""


WorkerMessage: TypeAlias = StartTask | StopTask | PingWorker
