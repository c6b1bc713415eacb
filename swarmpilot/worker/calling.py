"""How a worker calls its function: in its event loop, or in a thread where it is synchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from swarmpilot.instance.work.call import is_async, takes_context
from swarmpilot.safe_points import RunYielded
from swarmpilot.worker.context import SyncWorkerContext, WorkerContext
from swarmpilot.worker.run_state import RunState
from swarmpilot.worker.task import Task
from swarmpilot.worker.threads import Threads

Call: TypeAlias = Callable[[Task, RunState], Awaitable[Any]]
"""Runs the function. A thread cannot be cancelled: it is waited for, and ends when it sees `state.cancelled`."""


def as_call(function: Callable[..., Any], threads: Threads) -> Call:
    """The function as what a worker calls. Raises BadFunction, a ValueError."""
    wants_context = takes_context(function)
    if is_async(function):

        async def call_async(task: Task, state: RunState) -> Any:
            return await (function(task, WorkerContext(state)) if wants_context else function(task))

        return call_async

    async def call_in_thread(task: Task, state: RunState) -> Any:
        arguments = (task, SyncWorkerContext(state)) if wants_context else (task,)
        answer = threads.run(_contained(function), *arguments)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            await asyncio.wait([answer])
            answer.exception()  # seen: nobody asks for it any more
            raise

    return call_in_thread


def _contained(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: object) -> Any:
        try:
            return function(*arguments)
        except (RunYielded, BaseExceptionGroup):
            raise
        except BaseException as failure:
            if isinstance(failure, Exception) and not isinstance(failure, StopIteration):
                raise
            # The one cannot cross a future, the others would end the whole worker.
            raise RuntimeError(f"{type(failure).__name__}: {failure}") from failure

    return call
