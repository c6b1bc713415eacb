"""A TaskInstance: an HTTP server that takes tasks from the scheduler, runs them and reports their end.

`server` is the life of it, `http` its endpoints, `ledger` what it holds (pure), `runner` how tasks run,
`reporter` and `membership` what it tells the scheduler; each kind of work is a file in `work/`.
"""

from swarmpilot.instance.server import TaskInstance
from swarmpilot.instance.work import TaskContext, Work

__all__ = ["TaskContext", "TaskInstance", "Work"]
