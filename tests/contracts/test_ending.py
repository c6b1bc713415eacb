"""Tasks in the background end when they are to, whatever becomes of their cancellation."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from actors.ending import end


def test_a_task_that_forgets_that_it_was_cancelled_ends_all_the_same() -> None:
    forgotten = 0

    async def forgetful() -> None:
        nonlocal forgotten
        while forgotten < 2:
            with suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            forgotten += 1
        await asyncio.get_running_loop().create_future()

    async def scene() -> None:
        task = asyncio.create_task(forgetful())
        await asyncio.sleep(0)
        await end(task)
        assert task.cancelled()
        assert forgotten == 2

    asyncio.run(scene())


def test_however_the_tasks_have_ended_or_end_it_is_no_failure_of_whoever_ends_them() -> None:
    told: list[str] = []

    async def fails(now: bool) -> None:
        try:
            if not now:
                await asyncio.get_running_loop().create_future()
        finally:
            raise OSError("its own business")

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
        tasks = [asyncio.create_task(fails(now)) for now in (True, False)]
        await asyncio.sleep(0)
        await end(*tasks, None)
        assert [type(task.exception()) for task in tasks] == [OSError, OSError]

    asyncio.run(scene())
    assert told == []
