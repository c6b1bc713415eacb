"""A TaskInstance whose tasks give way, over real HTTP: asked, at a safe point, reported, resumed."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from actors.couriers.http import HttpCourier
from actors.errands import Endpoint, YieldOnInstance
from actors.messages.dispatcher import YieldAnswered
from swarmpilot import TaskContext, TaskInstance
from swarmpilot.instance.work.simulate import simulate
from swarmpilot.safe_points import RunYielded
from tests.contracts.courier_rigs import Shelf, a_courier
from tests.recording_scheduler import DEADLINE_S, RecordingScheduler


class Steps:
    """Work that makes a step whenever the test lets it, with a safe point after each; `done` is every step made."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.heard: list[tuple[bool, bool]] = []
        self._allowed = asyncio.Semaphore(0)
        self._at_rest: asyncio.Queue[int] = asyncio.Queue()

    async def work(self, task_input: dict[str, Any], context: TaskContext) -> dict[str, Any]:
        first = context.checkpoint.get("step", 0)
        for step in range(first, task_input["steps"]):
            self._at_rest.put_nowait(step)
            await self._allowed.acquire()
            self.done.append(step)
            self.heard.append((context.preempt_requested, context.terminate_requested))
            await context.safe_point({"step": step + 1})
        return {"began_at": first, "resumption": context.resumption}

    async def before(self, step: int) -> None:
        """Return once the work is about to make this step."""
        async with asyncio.timeout(DEADLINE_S):
            while await self._at_rest.get() != step:
                pass

    def allow(self, steps: int = 1) -> None:
        """Let it make so many more."""
        for _ in range(steps):
            self._allowed.release()


class Bench:
    """An instance that has joined a scheduler, and the scheduler's own courier."""

    def __init__(self, scheduler: RecordingScheduler, instance: TaskInstance, courier: HttpCourier) -> None:
        self.scheduler = scheduler
        self.instance = instance
        self._courier = courier

    async def post(self, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        """POST to the instance; status and JSON."""
        headers = {"Idempotency-Key": key} if key else None
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://127.0.0.1:{self.instance.port}{path}", json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json()

    async def push(self, key: str, checkpoint: dict[str, Any] | None = None, steps: int = 3) -> None:
        """A push as the scheduler sends it."""
        task_id = key.partition(":")[0]
        left = {} if checkpoint is None else {"checkpoint": checkpoint}
        body = {"model_name": "m", "task_input": {"steps": steps}, "metadata": {}, "task_id": task_id, **left}
        assert (await self.post("/queue/submit", body, key))[0] == 200

    async def ask(self, resumption: int = 0, *, terminate: bool = False, task_id: str = "t") -> YieldAnswered:
        """What the instance says to a request of the scheduler to let attempt 1 of the task give way."""
        at = Endpoint("127.0.0.1", self.instance.port)
        answer = await self._courier.run(YieldOnInstance(at, task_id, 1, resumption, "urgent", 1000, terminate))
        assert isinstance(answer, YieldAnswered)
        return answer


@asynccontextmanager
async def bench(work: Callable[..., Any] | None, *, preemptible: bool = True) -> AsyncIterator[Bench]:
    async with RecordingScheduler() as scheduler, a_courier(Shelf()) as courier:
        instance = TaskInstance("m", work, scheduler=scheduler.url, instance_id="one", preemptible=preemptible)
        await instance.start()
        try:
            await instance.joined()
            yield Bench(scheduler, instance, courier)
        finally:
            await instance.close()


def play(scene: Callable[[], Any]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 60.0))


def noted(resumption: int = 0) -> YieldAnswered:
    return YieldAnswered("t", 1, resumption, "noted")


def test_gives_way_at_the_next_safe_point_and_goes_on_from_there_each_step_once() -> None:
    async def scene() -> None:
        steps = Steps()
        async with bench(steps.work) as b:
            assert b.instance.describe()["capabilities"] == ["cancel", "preempt"]
            await b.push("t:1")
            steps.allow()
            await steps.before(1)
            assert await b.ask() == noted()
            steps.allow()
            left = await b.scheduler.next_yield()
            assert left.pop("execution_time") > 0
            assert left == {"task_id": "t", "instance_id": "one", "attempt": 1, "checkpoint": {"step": 2}}

            await b.push("t:1.1", left["checkpoint"])
            await steps.before(2)
            assert (await b.ask(0)).outcome == "yielded"
            steps.allow()
            report = await b.scheduler.next_report()
            assert report["result"] == {"began_at": 2, "resumption": 1}
            assert (report["attempt"], report["resumption"]) == (1, 1)
            assert steps.done == [0, 1, 2]
            assert b.scheduler.yields.empty()

    play(scene)


def test_a_run_that_has_given_way_says_again_what_it_left_and_is_reported_again() -> None:
    async def scene() -> None:
        steps = Steps()
        async with bench(steps.work) as b:
            await b.push("t:1")
            await steps.before(0)
            await b.ask()
            steps.allow()
            left = await b.scheduler.next_yield()
            again = await b.ask()
            assert again == YieldAnswered("t", 1, 0, "yielded", b'{"step":1}', left["execution_time"])
            await b.push("t:1")
            assert await b.scheduler.next_yield() == left
            assert steps.done == [0]

    play(scene)


def test_one_that_has_not_begun_gives_way_at_once_with_what_it_was_given() -> None:
    async def scene() -> None:
        steps = Steps()
        async with bench(steps.work) as b:
            await b.push("first:1")
            await steps.before(0)
            await b.push("t:1.1", {"step": 2})
            assert await b.ask(1) == YieldAnswered("t", 1, 1, "yielded", b'{"step":2}', 0.0)
            assert (await b.scheduler.next_yield())["resumption"] == 1
            steps.allow(3)
            assert (await b.scheduler.next_report())["task_id"] == "first"

    play(scene)


def test_the_run_hears_that_it_was_asked_for_the_last_time() -> None:
    async def scene() -> None:
        steps = Steps()
        async with bench(steps.work) as b:
            await b.push("t:1")
            await steps.before(0)
            await b.ask()
            assert await b.ask(terminate=True) == noted()
            steps.allow()
            await b.scheduler.next_yield()
            assert steps.heard == [(True, True)]

    play(scene)


def test_an_instance_that_holds_no_such_run_says_that_it_is_gone() -> None:
    async def scene() -> None:
        steps = Steps()
        async with bench(steps.work) as b:
            await b.push("t:1", steps=1)
            assert (await b.ask(3)).outcome == "gone"
            assert (await b.ask(task_id="nobody")).outcome == "gone"
            steps.allow()
            await b.scheduler.next_report()
            assert (await b.ask()).outcome == "gone"

    play(scene)


def test_a_task_may_be_asked_by_hand_without_naming_a_run() -> None:
    async def scene() -> None:
        steps = Steps()
        async with bench(steps.work) as b:
            await b.push("t:1")
            await steps.before(0)
            assert await b.post("/task/t/preempt") == (202, {"success": True, "task_id": "t"})
            status, answer = await b.post("/task/t/preempt", {"reason": 5})
            assert (status, answer["success"]) == (400, False)
            assert "reason" in answer["detail"]
            steps.allow()
            await b.scheduler.next_yield()

    play(scene)


def test_an_instance_whose_tasks_do_not_give_way_does_not_promise_it() -> None:
    async def scene() -> None:
        steps = Steps()
        async with bench(steps.work, preemptible=False) as b:
            assert b.instance.describe()["capabilities"] == ["cancel"]
            await b.push("t:1", steps=1)
            await steps.before(0)
            assert (await b.ask()).outcome == "unheard"
            steps.allow()
            assert (await b.scheduler.next_report())["result"]["began_at"] == 0

    play(scene)


def test_a_function_in_a_thread_gives_way_at_its_safe_points_too() -> None:
    async def scene() -> None:
        loop, started = asyncio.get_running_loop(), asyncio.Event()

        def polls(task_input: dict[str, Any], context: TaskContext) -> None:
            context.safe_point({"step": 0})
            loop.call_soon_threadsafe(started.set)
            deadline = time.monotonic() + DEADLINE_S
            while not context.preempt_requested and time.monotonic() < deadline:
                time.sleep(0.001)
            try:
                context.safe_point({"step": 1})
            except Exception as failure:
                raise AssertionError from failure

        async with bench(polls) as b:
            await b.push("t:1")
            await asyncio.wait_for(started.wait(), DEADLINE_S)
            assert await b.ask() == noted()
            assert (await b.scheduler.next_yield())["checkpoint"] == {"step": 1}

    play(scene)


def test_a_function_that_awaits_nothing_but_its_safe_points_hears_of_the_request() -> None:
    async def scene() -> None:
        async def counts(task_input: dict[str, Any], context: TaskContext) -> None:
            count = 0
            while True:
                count += 1
                await context.safe_point({"count": count})

        async with bench(counts) as b:
            await b.push("t:1")
            assert await b.ask() == noted()
            assert (await b.scheduler.next_yield())["checkpoint"]["count"] > 0

    play(scene)


def test_a_safe_point_within_a_group_of_tasks_ends_the_whole_run() -> None:
    async def scene() -> None:
        started = asyncio.Event()

        async def part(context: TaskContext) -> None:
            started.set()
            while True:
                await context.safe_point({"part": 1})

        async def grouped(task_input: dict[str, Any], context: TaskContext) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(part(context))
                group.create_task(asyncio.Event().wait())

        async with bench(grouped) as b:
            await b.push("t:1")
            await asyncio.wait_for(started.wait(), DEADLINE_S)
            assert await b.ask() == noted()
            assert (await b.scheduler.next_yield())["checkpoint"] == {"part": 1}

    play(scene)


def test_a_section_is_not_interrupted_and_the_scheduler_hears_for_how_long() -> None:
    async def scene() -> None:
        inside, on = asyncio.Event(), asyncio.Event()

        async def commits(task_input: dict[str, Any], context: TaskContext) -> None:
            async with context.section("commit", max_ms=600_000):
                inside.set()
                await on.wait()
                await context.safe_point({"at": "inside"})
            await context.safe_point({"at": "after"})

        async with bench(commits) as b:
            await b.push("t:1")
            await asyncio.wait_for(inside.wait(), DEADLINE_S)
            answer = await b.ask()
            assert (answer.outcome, answer.section) == ("noted", "commit")
            assert 0 < answer.deferred_ms <= 600_000
            on.set()
            assert (await b.scheduler.next_yield())["checkpoint"] == {"at": "after"}

    play(scene)


def test_the_last_request_interrupts_a_section_at_a_safe_point() -> None:
    async def scene() -> None:
        inside, on = asyncio.Event(), asyncio.Event()

        async def commits(task_input: dict[str, Any], context: TaskContext) -> None:
            with context.section("commit", max_ms=600_000):
                inside.set()
                await on.wait()
                await context.safe_point({"at": "inside"})

        async with bench(commits) as b:
            await b.push("t:1")
            await asyncio.wait_for(inside.wait(), DEADLINE_S)
            assert await b.ask(terminate=True) == noted()
            on.set()
            assert (await b.scheduler.next_yield())["checkpoint"] == {"at": "inside"}

    play(scene)


def test_a_run_that_fails_while_it_gives_way_has_failed() -> None:
    async def scene() -> None:
        started = asyncio.Event()

        async def clumsy(task_input: dict[str, Any], context: TaskContext) -> None:
            started.set()
            try:
                while True:
                    await context.safe_point({})
            finally:
                raise OSError("the disk is full")

        async with bench(clumsy) as b:
            await b.push("t:1")
            await asyncio.wait_for(started.wait(), DEADLINE_S)
            await b.ask()
            assert (await b.scheduler.next_report())["result"]["error"] == "the disk is full"

    play(scene)


def test_a_thread_that_is_cancelled_ends_at_its_next_safe_point() -> None:
    async def scene() -> None:
        loop, started = asyncio.get_running_loop(), asyncio.Event()
        went_on = threading.Event()

        def polls(task_input: dict[str, Any], context: TaskContext) -> None:
            loop.call_soon_threadsafe(started.set)
            assert context.cancelled.wait(DEADLINE_S)
            context.safe_point({})
            went_on.set()

        async with bench(polls) as b:
            await b.push("t:1")
            await asyncio.wait_for(started.wait(), DEADLINE_S)
            await b.post("/task/t/cancel")
            assert (await b.scheduler.next_report())["result"]["type"] == "Cancelled"
            assert b.scheduler.yields.empty()
            assert not went_on.is_set()

    play(scene)


def test_a_request_that_comes_while_a_safe_point_is_awaited_is_heard_there() -> None:
    async def scene() -> None:
        context = TaskContext("t", "m", {}, 1)
        asyncio.get_running_loop().call_soon(lambda: context.preemption.ask("urgent", terminate=False))
        with pytest.raises(RunYielded):
            await context.safe_point({})
        assert (context.preempt_requested, context.preempt_reason, context.terminate_requested) == (
            True,
            "urgent",
            False,
        )

    play(scene)


@pytest.mark.parametrize(
    ("checkpoint", "said"),
    [
        ([1], "checkpoint must be a dict, as it is kept as a JSON object; got list"),
        ({1: 2}, "checkpoint must have texts for keys, as it is kept as a JSON object; got 1"),
        ({"a": object()}, "checkpoint must hold nothing that JSON cannot"),
        ({"a": "x" * 2**20}, "checkpoint must not be larger than 1048576 bytes as JSON, and has 1048584"),
    ],
)
def test_a_checkpoint_that_cannot_be_kept_fails_the_task_also_where_nobody_asks(checkpoint: Any, said: str) -> None:
    async def scene() -> None:
        async def careless(task_input: dict[str, Any], context: TaskContext) -> None:
            await context.safe_point(checkpoint)

        async with bench(careless) as b:
            await b.push("t:1")
            assert said in (await b.scheduler.next_report())["result"]["error"]

    play(scene)


def test_a_yield_outlives_an_outage_of_the_scheduler_and_a_refused_one_fails_the_task() -> None:
    async def scene() -> None:
        steps = Steps()
        async with bench(steps.work) as b:
            await b.push("t:1")
            await steps.before(0)
            await b.ask()
            b.scheduler.answers = [503, 413]
            steps.allow()
            report = await b.scheduler.next_report()
            assert (report["result"]["type"], report["attempt"]) == ("ReportRefused", 1)
            assert "413" in report["result"]["error"]

    play(scene)


def test_a_simulated_task_goes_on_where_it_stopped() -> None:
    async def scene() -> None:
        async with bench(None) as b:
            body = {"task_input": {"service_ms": 600_000}, "task_id": "t"}
            await b.post("/queue/submit", body, "t:1")
            assert await b.ask() == noted()
            left = await b.scheduler.next_yield()
            assert 0 <= left["checkpoint"]["done"] < 1
            await b.post("/queue/submit", {**body, "checkpoint": {"done": 1}}, "t:1.1")
            assert (await b.scheduler.next_report())["result"]["status"] == "success"

    play(scene)


@pytest.mark.parametrize("left", [{}, {"done": "much"}, {"done": 2}, {"done": -1}])
def test_a_checkpoint_of_somebody_else_begins_a_simulated_task_anew(left: dict[str, Any]) -> None:
    async def scene() -> None:
        context = TaskContext("t", "m", {}, 1, checkpoint=left)
        context.preemption.ask("", terminate=False)
        with pytest.raises(RunYielded):
            await simulate(preemptible=True)({"service_ms": 36_000_000}, context)
        assert json.loads(context.preemption.checkpoint)["done"] < 0.1

    play(scene)
