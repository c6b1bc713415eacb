"""A worker: a process that connects out to the scheduler, attaches as an agent, and runs that agent's tasks.

`worker` is the life of it, `runner` how tasks run, `reporter` how their ends are told, `conversation` what is asked
and answered over one connection; `websocket` and `amqp` are the two ways to connect.
"""

from swarmpilot.worker.task import Task, WorkerContext
from swarmpilot.worker.worker import Worker

__all__ = ["Task", "Worker", "WorkerContext"]
