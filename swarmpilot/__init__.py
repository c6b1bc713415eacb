"""What users of the scheduler import: clients to submit tasks, and a TaskInstance to run them.

    from swarmpilot import Client, TaskInstance

`Client` and `AsyncClient` speak REST; `TaskInstance` turns any function into an instance. The command line is
`swarmpilot --help`.
"""

from swarmpilot.async_client import AsyncClient
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
from swarmpilot.instance import TaskContext, TaskInstance
from swarmpilot.records import Health, InstanceQueue, SubmittedTask, TaskRecord

__all__ = [
    "AsyncClient",
    "Client",
    "Health",
    "InstanceQueue",
    "NoInstances",
    "RequestRefused",
    "SchedulerError",
    "SchedulerUnavailable",
    "SchedulerUnreachable",
    "SubmittedTask",
    "TaskConflict",
    "TaskContext",
    "TaskFailed",
    "TaskInstance",
    "TaskNotFound",
    "TaskRecord",
    "WaitTimeout",
]
