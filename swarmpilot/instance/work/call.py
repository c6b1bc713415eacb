"""Any Python function as work: `def f(task_input)` or `def f(task_input, context)`, sync or async."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from swarmpilot.instance.work import TaskContext, TaskInput, Work


class BadFunction(ValueError):
    """The function to call cannot be found, or cannot be called with a task; the text says why."""


def find_function(name: str) -> Callable[..., Any]:
    """The function that `package.module:function` names; the working directory is searched too.

    Raises BadFunction.
    """
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise BadFunction(f"expected module:function, for example my_models.summarise:run, got {name!r}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError:
        raise BadFunction(f"module {module_name} has no {attribute}") from None
    except (Exception, SystemExit) as failure:  # the one of a script that ends its program
        raise BadFunction(f"cannot import {module_name}: {type(failure).__name__}: {failure}") from failure
    if not callable(found):
        raise BadFunction(f"{name} is not a function but a {type(found).__name__}")
    return found  # type: ignore[no-any-return]


def as_work(function: Callable[..., Any], threads: int) -> Work:
    """Work that calls the function; a synchronous one in one of `threads` threads. Raises BadFunction."""
    wants_context = takes_context(function)
    if is_async(function):

        async def call_async(task_input: TaskInput, context: TaskContext) -> Any:
            return await (function(task_input, context) if wants_context else function(task_input))

        return call_async

    def call(*arguments: object) -> Any:
        try:
            return function(*arguments)
        except (StopIteration, SystemExit, KeyboardInterrupt) as stop:
            # The first cannot cross a future, the others would end the whole instance.
            raise RuntimeError(f"{type(stop).__name__}: {stop}") from stop

    pool = ThreadPoolExecutor(threads, thread_name_prefix="task")

    async def call_in_thread(task_input: TaskInput, context: TaskContext) -> Any:
        arguments = (task_input, context) if wants_context else (task_input,)
        answer = asyncio.get_running_loop().run_in_executor(pool, call, *arguments)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            # A thread cannot be interrupted: tell it, and keep its place taken until it has really ended.
            context.cancelled.set()
            await asyncio.wait([answer])
            raise

    return call_in_thread


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def takes_context(function: Callable[..., Any]) -> bool:
    """Whether it wants the context beside the task. Raises BadFunction where it cannot be called with a task."""
    if not callable(function):
        raise BadFunction(f"what runs tasks must be a function, got {function!r}")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    open_ended = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    required = [p for p in positional if p.default is p.empty]
    named = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if len(required) > 2 or named or not (positional or open_ended):
        raise BadFunction(
            f"{getattr(function, '__name__', function)} must take the task's input and may take the context: "
            f"f(task_input) or f(task_input, context); its signature is {inspect.signature(function)}"
        )
    # A second parameter with a default of its own is the function's business, unless it is named for the context.
    return len(required) == 2 or (len(positional) > 1 and positional[1].name in ("context", "ctx"))
