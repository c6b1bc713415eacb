"""What can go wrong between a client and the scheduler; every text can be shown to a person as it is."""

from __future__ import annotations

from swarmpilot.records import TaskRecord


class SchedulerError(Exception):
    """The scheduler did not do what it was asked."""


class SchedulerUnreachable(SchedulerError):
    """Nothing answered at the scheduler's address; whether the request arrived is unknown."""


class SchedulerUnavailable(SchedulerError):
    """The scheduler cannot take requests now. `retry_after_s` is what it suggests to wait, in seconds."""

    def __init__(self, text: str, retry_after_s: float = 1.0) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class NoInstances(SchedulerError):
    """No TaskInstance serves the model; register one."""


class RequestRefused(SchedulerError):
    """The request is not valid, or was understood and refused. `status` is the HTTP status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class TaskNotFound(RequestRefused):
    """The scheduler knows no task of this id."""


class TaskConflict(RequestRefused):
    """Another task was submitted under this id before."""


class TaskFailed(SchedulerError):
    """The task ended without success. `record` holds all that is known of it."""

    def __init__(self, record: TaskRecord) -> None:
        super().__init__(f"task {record.task_id} {record.state}: {record.failure}")
        self.record = record


class WaitTimeout(SchedulerError, TimeoutError):
    """The task has not ended in the time given to wait; it goes on. `record` is its last known one."""

    def __init__(self, record: TaskRecord, waited_s: float) -> None:
        super().__init__(f"task {record.task_id} is still {record.state} after {waited_s:g} s")
        self.record = record
