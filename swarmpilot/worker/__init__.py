"""A worker: a process that connects out to the scheduler, attaches as an agent, and runs that agent's tasks.

`worker` is the life of it, `attachment` its tie to the scheduler, `runner` how tasks run and give way, `context` what
their function may ask and say, `reporter` and `progress` how their ends and their progress are told, `conversation`
what is asked and answered over one connection; `websocket` and `amqp` are the two ways to connect.
"""

from swarmpilot.worker.context import SyncWorkerContext, WorkerContext
from swarmpilot.worker.task import Task
from swarmpilot.worker.worker import Worker

__all__ = ["SyncWorkerContext", "Task", "Worker", "WorkerContext"]
