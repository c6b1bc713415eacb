"""The TaskInstance over real HTTP: the protocol that the scheduler counts on, and what it survives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import uvloop

from swarmpilot import TaskContext, TaskInstance
from swarmpilot.instance.pushes import Push
from tests.recording_scheduler import DEADLINE_S, RecordingScheduler


class Bench:
    """A scheduler, an instance that has joined it, and a session that pushes to the instance."""

    def __init__(self, scheduler: RecordingScheduler, instance: TaskInstance, session: aiohttp.ClientSession) -> None:
        self.scheduler = scheduler
        self.instance = instance
        self.session = session
        self.started: asyncio.Queue[str] = asyncio.Queue()
        self.gates: dict[str, asyncio.Event] = {}

    async def push(self, task_id: str, attempt: int = 1, **task_input: Any) -> tuple[int, Any]:
        """POST /queue/submit as the scheduler does."""
        body = {"model_name": "m", "task_input": task_input, "metadata": {"user": "u"}, "task_id": task_id}
        return await self.post("/queue/submit", body, {"Idempotency-Key": f"{task_id}:{attempt}"})

    async def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """POST to the instance; status and JSON."""
        url = f"http://127.0.0.1:{self.instance.port}{path}"
        async with self.session.post(url, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def info(self, path: str = "/info") -> dict[str, Any]:
        """GET what the instance says of itself."""
        async with self.session.get(f"http://127.0.0.1:{self.instance.port}{path}") as answer:
            said: dict[str, Any] = await answer.json()
            return said

    async def is_idle(self) -> bool:
        """Whether nothing runs."""
        return not (await self.info())["queue_info"]["running"]

    async def refuses(self) -> bool:
        """Whether a push is refused."""
        return (await self.push("one too many"))[0] == 503

    async def work(self, task_input: dict[str, Any], context: TaskContext) -> Any:
        """Says that it has started, and ends when the test opens its gate."""
        self.started.put_nowait(f"{context.task_id}:{context.attempt}")
        await self.gates.setdefault(context.task_id, asyncio.Event()).wait()
        return {"echo": task_input, "user": context.metadata["user"]}

    def open(self, task_id: str) -> None:
        """Let a task end."""
        self.gates.setdefault(task_id, asyncio.Event()).set()

    async def next_start(self) -> str:
        """The next run that starts."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.started.get()


@asynccontextmanager
async def bench(work: Callable[..., Any] | None = None, capacity: int = 1) -> AsyncIterator[Bench]:
    """A bench whose tasks wait for their gates, or do `work`."""
    async with RecordingScheduler() as scheduler, aiohttp.ClientSession() as session:
        made: list[Bench] = []

        async def gated(task_input: dict[str, Any], context: TaskContext) -> Any:
            return await made[0].work(task_input, context)

        instance = TaskInstance("m", work or gated, scheduler=scheduler.url, capacity=capacity, instance_id="one")
        made.append(Bench(scheduler, instance, session))
        await instance.start()
        try:
            await scheduler.next_call("/ti/register")
            await instance.joined()
            yield made[0]
        finally:
            await instance.close()


Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a scenario, on either event loop: an instance is run on uvloop, a program of its user's on any."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run_scenario(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(scenario(), 60.0))

    return run_scenario


def test_joins_and_says_what_it_is(run: Run) -> None:
    async def scenario() -> None:
        async with bench(capacity=3) as b:
            assert b.scheduler.members == [{"host": "127.0.0.1", "port": b.instance.port, "model_name": "m"}]
            assert b.instance.ti_uuid == "uuid-1"
            info = await b.info()
            assert info.pop("uptime") >= 0
            assert info == {
                "instance_id": "one",
                "instance_status": "running",
                "deployed_model": {"model_name": "m", "replicas": 3},
                "queue_info": {"length_of_queue": 0, "running": 0, "completed": 0},
                "capabilities": ["cancel"],
            }
            assert (await b.info("/status"))["instance_status"] == "running"

    run(scenario)


def test_takes_runs_and_reports_a_task(run: Run) -> None:
    async def scenario() -> None:
        async with bench() as b:
            assert await b.push("t", 2, x=1) == (200, {"status": "success", "task_id": "t"})
            assert await b.next_start() == "t:2"
            b.open("t")
            report = await b.scheduler.next_report()
            assert report.pop("execution_time") > 0
            assert report == {
                "task_id": "t",
                "instance_id": "one",
                "attempt": 2,
                "result": {"echo": {"x": 1}, "user": "u"},
            }

    run(scenario)


def test_the_same_key_is_one_run_and_is_reported_again_once_it_has_ended(run: Run) -> None:
    async def scenario() -> None:
        async with bench() as b:
            first = await b.push("t")
            assert await b.push("t") == first
            b.open("t")
            report = await b.scheduler.next_report()
            await eventually(b.is_idle)
            assert await b.push("t") == first
            assert await b.scheduler.next_report() == report
            assert await b.next_start() == "t:1"
            assert b.started.empty()
            await b.push("t", 2)
            assert await b.next_start() == "t:2"

    run(scenario)


async def eventually(question: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Wait until the answer is yes."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if await question():
                return
            await asyncio.sleep(0.01)


def test_runs_no_more_than_its_capacity_and_the_rest_in_order(run: Run) -> None:
    async def scenario() -> None:
        async with bench(capacity=2) as b:
            for task_id in "abcd":
                await b.push(task_id)
            assert [await b.next_start(), await b.next_start()] == ["a:1", "b:1"]
            queue = (await b.info())["queue_info"]
            assert (queue["running"], queue["length_of_queue"]) == (2, 2)
            assert b.started.empty()
            b.open("b")
            assert await b.next_start() == "c:1"
            assert (await b.scheduler.next_report())["task_id"] == "b"

    run(scenario)


def test_cancels_what_runs_and_what_waits(run: Run) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.push("runs")
            await b.push("waits")
            await b.next_start()
            for task_id in ("waits", "runs"):
                assert await b.post(f"/task/{task_id}/cancel") == (200, {"status": "success", "task_id": task_id})
                report = await b.scheduler.next_report()
                assert (report["task_id"], report["attempt"]) == (task_id, 1)
                assert report["result"]["status"] == "error"
                assert report["result"]["type"] == "Cancelled"
            status, body = await b.post("/task/runs/cancel")
            assert (status, body["status"]) == (404, "error")

    run(scenario)


def test_a_cancel_that_names_a_run_stops_no_other(run: Run) -> None:
    async def scenario() -> None:
        async with bench(capacity=2) as b:
            await b.push("t", 1)
            await b.push("t", 2)
            await b.push("t", 3)
            assert {await b.next_start(), await b.next_start()} == {"t:1", "t:2"}
            status, _ = await b.post("/task/t/cancel", {"attempt": 1}, {"Idempotency-Key": "t:1"})
            assert status == 200
            assert (await b.scheduler.next_report())["attempt"] == 1
            assert (await b.post("/task/t/cancel", {"attempt": 1}, {"Idempotency-Key": "t:1"}))[0] == 404
            assert await b.next_start() == "t:3"
            b.open("t")
            reports = [await b.scheduler.next_report(), await b.scheduler.next_report()]
            assert {(report["attempt"], report["result"]["user"]) for report in reports} == {(2, "u"), (3, "u")}

    run(scenario)


def test_a_task_that_is_cancelled_before_its_first_step_is_reported_and_frees_its_place(run: Run) -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.instance.take(Push("early:1", "early", 1, "m", {}, {}))
            assert b.instance.cancel("early")
            assert (await b.scheduler.next_report())["result"]["type"] == "Cancelled"
            await b.push("next")
            assert await b.next_start() == "next:1"

    run(scenario)


def test_a_function_that_raises_gives_an_error_result(run: Run) -> None:
    def broken(task_input: dict[str, Any]) -> None:
        raise ValueError(f"no such city: {task_input['city']}")

    async def scenario() -> None:
        async with bench(broken) as b:
            await b.push("t", city="Atlantis")
            assert (await b.scheduler.next_report())["result"] == {
                "status": "error",
                "error": "no such city: Atlantis",
                "type": "ValueError",
            }

    run(scenario)


class Unusual(BaseException):
    """As libraries raise it that time functions out."""


class Speechless(Exception):
    def __str__(self) -> str:
        raise AttributeError("response")


@pytest.mark.parametrize("stop", [SystemExit(3), StopIteration(), GeneratorExit(), Unusual(), Speechless()])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_function_that_ends_its_program_ends_only_its_task(run: Run, stop: BaseException, is_async: bool) -> None:
    def leaves(task_input: dict[str, Any]) -> dict[str, Any]:
        if task_input.get("leave"):
            raise stop
        return {"ok": True}

    async def leaves_async(task_input: dict[str, Any]) -> dict[str, Any]:
        return leaves(task_input)

    async def scenario() -> None:
        async with bench(leaves_async if is_async else leaves) as b:
            await b.push("t", leave=True)
            assert (await b.scheduler.next_report())["result"]["status"] == "error"
            await b.push("u")
            assert (await b.scheduler.next_report())["result"] == {"ok": True}

    run(scenario)


def test_an_interrupt_that_a_function_in_a_thread_raises_ends_only_its_task(run: Run) -> None:
    def interrupts(task_input: dict[str, Any]) -> None:
        raise KeyboardInterrupt  # no Ctrl-C, which only the main thread hears of

    async def scenario() -> None:
        async with bench(interrupts) as b:
            await b.push("t")
            assert (await b.scheduler.next_report())["result"]["error"].startswith("KeyboardInterrupt")

    run(scenario)


def test_a_function_in_a_thread_hears_of_a_cancel_and_keeps_its_place_until_it_ends(run: Run) -> None:
    async def scenario() -> None:
        loop, started = asyncio.get_running_loop(), asyncio.Event()

        def polls(task_input: dict[str, Any], context: TaskContext) -> dict[str, Any]:
            loop.call_soon_threadsafe(started.set)
            return {"heard": context.cancelled.wait(DEADLINE_S)}

        async with bench(polls) as b:
            await b.push("t")
            await asyncio.wait_for(started.wait(), DEADLINE_S)
            await b.post("/task/t/cancel")
            assert (await b.scheduler.next_report())["result"]["type"] == "Cancelled"

    run(scenario)


def test_a_report_outlives_an_outage_of_the_scheduler(run: Run) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.push("t")
            await b.next_start()
            await b.scheduler.go()
            b.open("t")
            await eventually(b.is_idle)
            b.scheduler.answers = [503, 500, 404]
            await b.scheduler.come()
            report = await b.scheduler.next_report()
            assert (report["task_id"], report["result"]["user"]) == ("t", "u")
            assert b.scheduler.reports.empty()

    run(scenario)


def test_a_result_that_is_refused_for_good_becomes_an_error(run: Run) -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.scheduler.answers = [413]
            b.open("t")
            await b.push("t")
            report = await b.scheduler.next_report()
            assert report["result"]["type"] == "ReportRefused"
            assert "413" in report["result"]["error"]

    run(scenario)


def test_a_drain_leaves_first_and_loses_neither_task_nor_report(run: Run) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.push("t")
            await b.push("waits")
            await b.next_start()
            drain = asyncio.create_task(b.instance.drain())
            await b.scheduler.next_call("/ti/remove")
            assert b.scheduler.members == []
            assert (await b.info())["instance_status"] == "draining"
            b.scheduler.answers = [503]
            b.open("t")
            b.open("waits")
            assert await drain
            reports = {b.scheduler.reports.get_nowait()["task_id"] for _ in range(2)}
            assert reports == {"t", "waits"}
            assert await b.push("late") == (503, {"status": "error", "detail": "the instance is stopping"})

    run(scenario)


def test_a_drain_without_the_scheduler_takes_nothing_new(run: Run) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.push("t")
            await b.next_start()
            await b.scheduler.go()
            drain = asyncio.create_task(b.instance.drain())
            await eventually(b.refuses)
            b.open("t")
            b.open("one too many")
            await b.scheduler.come()
            assert await drain
            delivered = {b.scheduler.reports.get_nowait()["task_id"] for _ in range(b.scheduler.reports.qsize())}
            assert "t" in delivered

    run(scenario)


def test_joins_a_scheduler_that_comes_later(run: Run) -> None:
    async def scenario() -> None:
        scheduler = RecordingScheduler()
        await scheduler.come()
        await scheduler.go()
        instance = TaskInstance("m", scheduler=scheduler.url)
        await instance.start()
        try:
            await scheduler.come()
            await scheduler.next_call("/ti/register")
            assert await asyncio.wait_for(instance.joined(), DEADLINE_S) == "uuid-1"
        finally:
            await instance.close()
            await scheduler.go()

    run(scenario)


@pytest.mark.parametrize(
    ("body", "named"),
    [([1], "object"), ({"task_id": "t"}, "task_input"), ({"task_id": 1, "task_input": {}}, "task_id")],
)
def test_a_push_that_is_no_task_is_refused_with_the_field(run: Run, body: Any, named: str) -> None:
    async def scenario() -> None:
        async with bench() as b:
            status, answer = await b.post("/queue/submit", body)
            assert status == 400
            assert named in answer["detail"]

    run(scenario)
