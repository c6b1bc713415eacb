"""What users of the scheduler import: clients to submit tasks, a TaskInstance or a Worker to run them.

    from swarmpilot import Client, TaskInstance, Worker

`Client` and `AsyncClient` speak REST; `TaskInstance` turns any function into an instance that the scheduler calls,
`Worker` into one that connects to the scheduler by itself. The command line is
`swarmpilot --help`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from swarmpilot.activity import ActivityChange, ActivityEntry
from swarmpilot.client import Client
from swarmpilot.errors import (
    NoInstances,
    RequestRefused,
    SchedulerError,
    SchedulerUnavailable,
    SchedulerUnreachable,
    TaskConflict,
    TaskFailed,
    TaskNotFound,
    WaitTimeout,
)
from swarmpilot.placement import Placement, PlacementCandidate
from swarmpilot.records import Health, InstanceQueue, SubmittedTask, TaskRecord

if TYPE_CHECKING:
    from swarmpilot.async_client import AsyncClient
    from swarmpilot.instance import TaskContext, TaskInstance
    from swarmpilot.worker import SyncWorkerContext, Task, Worker, WorkerContext

# These need aiohttp, which takes longer to import than the synchronous client takes to do its work.
_LATE = {
    "AsyncClient": "swarmpilot.async_client",
    "SyncWorkerContext": "swarmpilot.worker",
    "Task": "swarmpilot.worker",
    "TaskContext": "swarmpilot.instance",
    "TaskInstance": "swarmpilot.instance",
    "Worker": "swarmpilot.worker",
    "WorkerContext": "swarmpilot.worker",
}

__all__ = [
    "ActivityChange",
    "ActivityEntry",
    "AsyncClient",
    "Client",
    "Health",
    "InstanceQueue",
    "NoInstances",
    "Placement",
    "PlacementCandidate",
    "RequestRefused",
    "SchedulerError",
    "SchedulerUnavailable",
    "SchedulerUnreachable",
    "SubmittedTask",
    "SyncWorkerContext",
    "Task",
    "TaskConflict",
    "TaskContext",
    "TaskFailed",
    "TaskInstance",
    "TaskNotFound",
    "TaskRecord",
    "WaitTimeout",
    "Worker",
    "WorkerContext",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)
