"""How runs in a worker give way, are stopped, and say how far they are: async functions and those in threads alike."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.messages.answers import YieldNoted
from actors.messages.dispatcher import Report, ReportProgress, ReportYield
from actors.messages.tasks import Activity
from actors.messages.worker import StartTask, StopTask, YieldTask
from swarmpilot import SyncWorkerContext, Task, WorkerContext
from swarmpilot.worker import runner as runner_module
from swarmpilot.worker.calling import as_call
from swarmpilot.worker.progress import Progress
from swarmpilot.worker.runner import Ending, Runner
from swarmpilot.worker.threads import Threads
from tests.embedded import DEADLINE_S

START = StartTask("t", 1, "a", "", b"{}", "application/json", b"{}", "ti", "q")
ASK = YieldTask("t", 1, 0, "urgent", 30_000)


class Place:
    """A runner of one run at a time, and what it has reported."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.endings: asyncio.Queue[Ending] = asyncio.Queue()
        self.runner = Runner(1, as_call(function, Threads(1)), "w", lambda _, ending: self.endings.put_nowait(ending))

    async def ending(self) -> Ending:
        async with asyncio.timeout(DEADLINE_S):
            return await self.endings.get()


class Signal:
    """An event that is set in a thread or in the event loop, and awaited in the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def set(self) -> None:
        self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await self._event.wait()


def perform(story: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await story()

    asyncio.run(run())


def test_an_async_run_gives_way_at_its_next_safe_point_and_goes_on_from_there() -> None:
    async def story() -> None:
        begun, go_on, steps, cleaned = Signal(), Signal(), list[int](), list[int]()

        async def function(task: Task, ctx: WorkerContext) -> dict[str, Any]:
            try:
                for step in range(task.checkpoint.get("step", 0), 6):
                    steps.append(step)
                    await ctx.safe_point({"step": step + 1})
                    if step == 2 and task.resumption == 0:
                        begun.set()
                        await go_on.wait()
            except Exception:
                raise AssertionError("what unwinds a run is no Exception") from None
            finally:
                cleaned.append(task.resumption)
            return {"asked": ctx.preempt_requested, "reason": ctx.preempt_reason}

        place = Place(function)
        place.runner.take(START)
        await begun.wait()
        assert place.runner.ask_to_yield(ASK) == YieldNoted("t", 1, 0, is_held=True)
        go_on.set()
        yielded = await place.ending()
        assert isinstance(yielded, ReportYield)
        assert yielded == ReportYield("t", 1, 0, "a", "w", yielded.execution_ms, b'{"step":4}')
        assert place.runner.is_idle
        place.runner.take(replace(START, resumption=1, checkpoint=yielded.checkpoint))
        report = await place.ending()
        assert isinstance(report, Report)
        assert (report.attempt, report.resumption, report.result) == (1, 1, b'{"asked":false,"reason":""}')
        assert steps == [0, 1, 2, 3, 4, 5]
        assert cleaned == [0, 1]

    perform(story)


def test_a_run_in_a_thread_gives_way_as_well() -> None:
    async def story() -> None:
        begun, seen = Signal(), threading.Event()

        def function(task: Task, ctx: SyncWorkerContext) -> None:
            try:
                step = task.checkpoint.get("step", 0)
                while True:
                    step += 1
                    ctx.safe_point({"step": step})
                    begun.set()
                    while not ctx.preempt_requested:
                        pass
            except Exception:
                raise AssertionError("what unwinds a run is no Exception") from None
            finally:
                seen.set()

        place = Place(function)
        place.runner.take(START)
        await begun.wait()
        assert place.runner.ask_to_yield(ASK).is_held
        yielded = await place.ending()
        assert isinstance(yielded, ReportYield)
        assert yielded.checkpoint == b'{"step":2}'
        assert seen.is_set()

    perform(story)


def test_a_safe_point_gives_the_loop_a_turn_so_that_a_request_is_seen() -> None:
    async def story() -> None:
        async def function(task: Task, ctx: WorkerContext) -> None:
            while True:
                await ctx.safe_point({})

        place = Place(function)
        place.runner.take(START)
        asyncio.get_running_loop().call_soon(place.runner.ask_to_yield, ASK)
        assert isinstance(await place.ending(), ReportYield)

    perform(story)


def test_the_safe_point_of_a_part_of_the_run_ends_all_of_it() -> None:
    async def story() -> None:
        async def function(task: Task, ctx: WorkerContext) -> None:
            async def part() -> None:
                while True:
                    await ctx.safe_point({"parts": 2})

            async with asyncio.TaskGroup() as parts:
                parts.create_task(part())
                parts.create_task(part())

        place = Place(function)
        place.runner.take(START)
        asyncio.get_running_loop().call_soon(place.runner.ask_to_yield, ASK)
        yielded = await place.ending()
        assert isinstance(yielded, ReportYield)
        assert yielded.checkpoint == b'{"parts":2}'

    perform(story)


def test_a_run_that_fails_while_it_gives_way_has_failed() -> None:
    async def story() -> None:
        async def function(task: Task, ctx: WorkerContext) -> None:
            try:
                while True:
                    await ctx.safe_point({})
            finally:
                raise OSError("the disk is full")

        place = Place(function)
        place.runner.take(START)
        asyncio.get_running_loop().call_soon(place.runner.ask_to_yield, ASK)
        report = await place.ending()
        assert isinstance(report, Report)
        assert report.is_error
        assert b"the disk is full" in report.result

    perform(story)


def test_a_run_that_was_asked_may_still_end() -> None:
    async def story() -> None:
        gate = asyncio.Event()

        async def function(task: Task) -> dict[str, bool]:
            await gate.wait()
            return {"ok": True}

        place = Place(function)
        place.runner.take(START)
        assert place.runner.ask_to_yield(ASK).is_held
        gate.set()
        report = await place.ending()
        assert isinstance(report, Report)
        assert report.result == b'{"ok":true}'

    perform(story)


def test_a_run_that_waits_gives_way_at_once_with_what_it_was_started_with() -> None:
    async def story() -> None:
        gate = asyncio.Event()

        async def function(task: Task) -> None:
            await gate.wait()

        place = Place(function)
        waiting = replace(START, task_id="u", attempt=2, resumption=3, checkpoint=b'{"step":7}')
        place.runner.take(START)
        place.runner.take(waiting)
        place.runner.take(replace(START, task_id="v"))
        assert place.runner.ask_to_yield(YieldTask("u", 2, 3, "", 0)) == YieldNoted("u", 2, 3, is_held=True)
        assert await place.ending() == ReportYield("u", 2, 3, "a", "w", 0.0, b'{"step":7}')
        assert place.runner.ask_to_yield(YieldTask("v", 1, 0, "", 0)).is_held
        assert await place.ending() == ReportYield("v", 1, 0, "a", "w", 0.0, b"{}")
        assert place.runner.running == 1

    perform(story)


@pytest.mark.parametrize("other", [{"task_id": "other"}, {"attempt": 2}, {"resumption": 1}])
def test_another_run_is_neither_asked_nor_stopped(other: dict[str, Any]) -> None:
    async def story() -> None:
        gate = asyncio.Event()

        async def function(task: Task, ctx: WorkerContext) -> dict[str, bool]:
            await gate.wait()
            return {"told": ctx.preempt_requested or ctx.cancelled.is_set()}

        place = Place(function)
        place.runner.take(START)
        asked = place.runner.ask_to_yield(replace(ASK, **other))
        assert asked == YieldNoted(asked.task_id, asked.attempt, asked.resumption, is_held=False)
        assert not place.runner.stop(replace(StopTask("t", 1, ""), **other))
        gate.set()
        report = await place.ending()
        assert isinstance(report, Report)
        assert report.result == b'{"told":false}'
        assert not place.runner.ask_to_yield(ASK).is_held, "nor one that has ended"

    perform(story)


def test_a_run_that_has_given_way_says_so_again_when_it_is_started_again() -> None:
    async def story() -> None:
        runs = []

        async def function(task: Task, ctx: WorkerContext) -> None:
            runs.append(task.resumption)
            while True:
                await ctx.safe_point({"run": task.resumption})

        place = Place(function)
        loop = asyncio.get_running_loop()
        place.runner.take(START)
        loop.call_soon(place.runner.ask_to_yield, ASK)
        first = await place.ending()
        place.runner.take(START)
        assert await place.ending() == first
        place.runner.take(replace(START, resumption=1))
        loop.call_soon(place.runner.ask_to_yield, replace(ASK, resumption=1))
        second = await place.ending()
        assert isinstance(second, ReportYield)
        assert (second.resumption, second.checkpoint) == (1, b'{"run":1}')
        assert runs == [0, 1]

    perform(story)


def test_a_section_is_said_and_no_safe_point_within_it_ends_the_run() -> None:
    async def story() -> None:
        inside, go_on, steps = asyncio.Event(), asyncio.Event(), list[str]()

        async def function(task: Task, ctx: WorkerContext) -> None:
            async with ctx.section("commit", max_ms=60_000):
                inside.set()
                await go_on.wait()
                await ctx.safe_point({"at": "within"})
                steps.append("within")
            steps.append("after")
            await ctx.safe_point({"at": "after"})
            steps.append("never")

        place = Place(function)
        place.runner.take(START)
        await inside.wait()
        noted = place.runner.ask_to_yield(ASK)
        assert noted.section == "commit"
        assert 0 < noted.deferred_ms <= 60_000
        go_on.set()
        yielded = await place.ending()
        assert isinstance(yielded, ReportYield)
        assert yielded.checkpoint == b'{"at":"after"}'
        assert steps == ["within", "after"]

    perform(story)


def test_the_last_word_counts_within_a_section() -> None:
    async def story() -> None:
        begun = Signal()

        def function(task: Task, ctx: SyncWorkerContext) -> None:
            with ctx.section("commit", max_ms=60_000):
                begun.set()
                while not ctx.terminate_requested:
                    ctx.safe_point({"at": "asked"})
                ctx.safe_point({"at": "told"})

        place = Place(function)
        place.runner.take(START)
        await begun.wait()
        assert place.runner.ask_to_yield(ASK).section == "commit"
        last = place.runner.ask_to_yield(replace(ASK, terminate=True))
        assert (last.section, last.deferred_ms) == ("", 0.0)
        yielded = await place.ending()
        assert isinstance(yielded, ReportYield)

    perform(story)


def test_a_thread_that_does_not_end_is_abandoned_and_its_result_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "STOP_S", 0.0)

    async def story() -> None:
        begun, let_end, ended = Signal(), threading.Event(), Signal()

        def function(task: Task) -> int:
            if task.task_id == "t":
                begun.set()
                let_end.wait(DEADLINE_S)
                ended.set()
            return task.attempt

        place = Place(function)
        place.runner.take(START)
        place.runner.take(replace(START, task_id="u"))
        await begun.wait()
        assert place.runner.stop(StopTask("t", 1, "forced_preemption"))
        assert not place.runner.ask_to_yield(ASK).is_held
        report = await place.ending()
        assert report.task_id == "u", "its place is free"
        let_end.set()
        await ended.wait()
        place.runner.take(replace(START, task_id="v"))
        assert (await place.ending()).task_id == "v"
        assert place.endings.empty()

    perform(story)


def test_a_coroutine_that_does_not_let_itself_be_cancelled_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "STOP_S", 0.0)

    async def story() -> None:
        gate, begun = asyncio.Event(), asyncio.Event()

        async def function(task: Task) -> int:
            while task.task_id == "t" and not gate.is_set():
                begun.set()
                try:
                    await gate.wait()
                except asyncio.CancelledError:
                    continue
            return task.attempt

        place = Place(function)
        place.runner.take(START)
        place.runner.take(replace(START, task_id="u"))
        await begun.wait()
        assert place.runner.stop(StopTask("t", 1, ""))
        assert (await place.ending()).task_id == "u"
        gate.set()
        await asyncio.sleep(0)
        assert place.endings.empty()

    perform(story)


def test_a_stopped_thread_ends_at_its_next_safe_point() -> None:
    async def story() -> None:
        begun, unwound = Signal(), Signal()

        def function(task: Task, ctx: SyncWorkerContext) -> None:
            try:
                while True:
                    begun.set()
                    ctx.safe_point({})
            finally:
                unwound.set()

        place = Place(function)
        place.runner.take(START)
        await begun.wait()
        assert place.runner.stop(StopTask("t", 1, ""))
        await unwound.wait()

    perform(story)


def test_a_function_that_is_cancelled_by_itself_has_failed() -> None:
    async def story() -> None:
        async def function(task: Task) -> None:
            raise asyncio.CancelledError

        place = Place(function)
        place.runner.take(START)
        report = await place.ending()
        assert isinstance(report, Report)
        assert report.is_error

    perform(story)


def test_how_far_a_run_is_is_told_again_until_it_is_heard_and_only_what_is_new() -> None:
    async def story() -> None:
        async def function(task: Task, ctx: WorkerContext) -> None:
            while step := await steps.get():
                await ctx.safe_point({"step": step})
                ctx.activity(description="at work", branch="main")
                ctx.progress(step / 4)
                done.put_nowait(step)

        async def tell(start: StartTask, news: ReportProgress) -> bool:
            assert start == START
            told.append(news)
            await answers.get()
            return len(told) > 1

        async def after(step: int) -> None:
            steps.put_nowait(step)
            await done.get()
            progress.tell()
            progress.tell()  # what is on its way is not told beside it
            answers.put_nowait(None)
            await asyncio.gather(*progress.under_way)

        told = list[ReportProgress]()
        steps, done, answers = asyncio.Queue[int](), asyncio.Queue[int](), asyncio.Queue[None]()
        place = Place(function)
        progress = Progress(place.runner.runs, tell)
        place.runner.take(START)
        await after(1)
        await after(2)
        await after(3)
        progress.tell()
        activity = Activity(branch="main", description="at work")
        assert told == [
            ReportProgress("t", 1, 0, "a", activity, 0.25, b'{"step":1}'),
            ReportProgress("t", 1, 0, "a", activity, 0.5, b'{"step":2}'),
            ReportProgress("t", 1, 0, "a", None, 0.75, b'{"step":3}'),
        ]
        steps.put_nowait(4)
        await done.get()
        steps.put_nowait(0)
        await place.ending()
        progress.tell()
        assert not progress.under_way, "a run that has ended has said its last"

    perform(story)


def test_the_worker_of_the_readme_runs_as_it_is_written() -> None:
    async def story() -> None:
        readme = (Path(__file__).parents[2] / "README.md").read_text()
        [program] = [
            block
            for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
            if "Worker(" in block and "safe_point" in block
        ]
        program, run, _ = program.partition("worker.run()")
        assert run
        names: dict[str, Any] = {}
        exec(program, names)
        assert (names["worker"].agent_id, names["worker"].capacity) == ("worker-1", 1)
        place = Place(names["run"])
        place.runner.take(START)
        report = await place.ending()
        assert isinstance(report, Report)
        assert report.result == b'{"ok":true}'

    perform(story)
