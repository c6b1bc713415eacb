"""The worker of the library, against the whole service in this process."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from actors.addresses import worker as worker_address
from actors.envelope import Envelope
from actors.messages import Answer, WorkerMessage
from actors.messages.answers import Refused, ReportAnswered
from actors.messages.dispatcher import Report, ReportYield
from actors.messages.scheduler import DetachWorker
from actors.messages.worker import StartTask, StopTask
from gateway.worker_frames import worker_name
from swarmpilot import SyncWorkerContext, Task, TaskInstance, Worker
from swarmpilot.worker import runner as runner_module
from swarmpilot.worker.conversation import Conversation, Disconnected
from swarmpilot.worker.reporter import Reporter
from swarmpilot.worker.run_state import RunState
from swarmpilot.worker.runner import Ending, Runner
from tests.embedded import DEADLINE_S, Embedded, embedded, until
from tests.rest_client import rest_client

NOWHERE = "http://127.0.0.1:1"


@asynccontextmanager
async def working(service: Embedded, function: Callable[..., Any], **options: Any) -> AsyncIterator[Worker]:
    worker = Worker("a", url=service.url, **options)
    worker.task(function)
    await worker.start()
    try:
        await worker.attached()
        yield worker
    finally:
        await worker.close()


async def submit(service: Embedded, task_id: str, params: Any = None, **fields: Any) -> None:
    async with rest_client(service.url) as rest:
        body = {"task_id": task_id, "params": params or {}, **fields}
        assert (await rest.post("/agents/a/tasks", body)).body["accepted"]


def result_of(function: Callable[..., Any], params: Any = None) -> tuple[str, Any]:
    """State and result of a task that the function ran."""

    async def run() -> tuple[str, Any]:
        async with embedded() as service, working(service, function):
            await submit(service, "t", params)
            row = await service.ended("t")
            return row.state, msgspec.json.decode(await service.result("t"))

    return asyncio.run(run())


def test_an_async_function_gets_the_task() -> None:
    async def function(task: Task) -> dict[str, Any]:
        return {"id": task.task_id, "attempt": task.attempt, "agent": task.agent_id, "input": task.input}

    expected = {"id": "t", "attempt": 1, "agent": "a", "input": {"x": [1]}}
    assert result_of(function, {"x": [1]}) == ("completed", expected)


def test_a_synchronous_function_runs_in_a_thread() -> None:
    def function(task: Task, ctx: SyncWorkerContext) -> str:
        assert not ctx.cancelled.is_set()
        return threading.current_thread().name

    state, result = result_of(function)
    assert state == "completed"
    assert result["output"].startswith("task")


def test_what_a_function_raises_is_the_error_of_the_task() -> None:
    async def function(task: Task) -> None:
        raise KeyError("no such thing")

    state, result = result_of(function)
    assert state == "failed"
    assert (result["status"], result["type"]) == ("error", "KeyError")


class Speechless(Exception):
    def __str__(self) -> str:
        raise AttributeError("response")


@pytest.mark.parametrize("stop", [SystemExit(3), GeneratorExit(), Speechless()])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_function_that_ends_its_program_ends_only_its_task(stop: BaseException, is_async: bool) -> None:
    def leaves(task: Task) -> None:
        raise stop

    async def leaves_async(task: Task) -> None:
        leaves(task)

    state, result = result_of(leaves_async if is_async else leaves)
    assert (state, result["status"]) == ("failed", "error")


def test_what_json_cannot_hold_and_what_is_too_large_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unspeakable(task: Task) -> object:
        return object()

    async def large(task: Task) -> str:
        return "x" * 10_000

    assert result_of(unspeakable)[1]["type"] == "ResultNotJson"
    monkeypatch.setattr(runner_module, "MOST_RESULT_BYTES", 5_000)
    state, result = result_of(large)
    assert (state, result["type"]) == ("failed", "ResultTooLarge")


def test_a_result_that_the_scheduler_refuses_is_replaced_by_an_error_that_says_so() -> None:
    async def function(task: Task) -> str:
        return "x" * 5_000

    async def run() -> tuple[str, Any]:
        async with embedded(max_body_bytes=2048) as service, working(service, function):
            await submit(service, "t")
            row = await service.ended("t")
            return row.state, msgspec.json.decode(await service.result("t"))

    state, result = asyncio.run(run())
    assert (state, result["type"]) == ("failed", "ReportRefused")


def test_a_large_input_arrives() -> None:
    async def function(task: Task) -> int:
        return len(task.input["text"])

    assert result_of(function, {"text": "x" * 9_000_000})[1] == {"output": 9_000_000}


def test_a_task_that_has_run_for_too_long_is_stopped_in_the_worker() -> None:
    stopped = asyncio.Event()

    async def function(task: Task) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def run() -> None:
        async with embedded(max_attempts=1, run_timeout_s=0.2) as service, working(service, function):
            await submit(service, "t")
            assert (await service.ended("t")).state == "failed"
            async with asyncio.timeout(DEADLINE_S):
                await stopped.wait()

    asyncio.run(run())


def test_a_worker_runs_as_many_tasks_at_once_as_it_can_and_its_agent_may() -> None:
    running, most, gate = 0, 0, asyncio.Event()

    async def function(task: Task) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1

    async def run() -> None:
        async with embedded(agent_slots=10) as service, working(service, function, capacity=3):
            for n in range(5):
                await submit(service, f"t{n}")

            async def full() -> bool | None:
                return True if running == 3 else None

            await until(full, "three running tasks")
            gate.set()
            for n in range(5):
                await service.ended(f"t{n}")
            assert most == 3

    asyncio.run(run())


START = StartTask("t", 1, "a", "", b"{}", "application/json", b"{}", "ti", "q")


def test_an_attempt_is_run_once_and_reported_again_when_it_is_started_again() -> None:
    async def run() -> None:
        runs, gate, delivered = [], asyncio.Event(), asyncio.Queue[Ending]()

        async def work(task: Task, state: RunState) -> dict[str, int]:
            runs.append(task.attempt)
            await gate.wait()
            return {"attempt": task.attempt}

        runner = Runner(2, work, "w", lambda _, report: delivered.put_nowait(report))
        runner.take(START)
        runner.take(START)
        runner.take(replace(START, attempt=2))
        gate.set()
        ended = [await delivered.get(), await delivered.get()]
        assert sorted(report.attempt for report in ended) == [1, 2]
        runner.take(START)
        assert await delivered.get() == next(report for report in ended if report.attempt == 1)
        assert sorted(runs) == [1, 2]

    asyncio.run(run())


def test_a_task_of_other_content_under_the_id_of_one_that_has_ended_is_run() -> None:
    async def run() -> None:
        delivered = asyncio.Queue[Ending]()

        async def work(task: Task, state: RunState) -> dict[str, str]:
            return {"weather": task.input["city"]}

        runner = Runner(1, work, "w", lambda _, report: delivered.put_nowait(report))
        for city in ("Rome", "Oslo"):
            start = replace(START, input=msgspec.json.encode({"city": city}))
            runner.take(start)
            report = await delivered.get()
            assert isinstance(report, Report)
            assert msgspec.json.decode(report.result) == {"weather": city}
            assert runner.knows(start)
        assert not runner.knows(START)

    asyncio.run(run())


def test_a_stopped_attempt_is_not_reported_and_makes_room() -> None:
    async def run() -> None:
        delivered, begun = asyncio.Queue[Ending](), asyncio.Event()

        async def work(task: Task, state: RunState) -> dict[str, int]:
            if task.attempt == 1:
                begun.set()
                await asyncio.Event().wait()
            return {"attempt": task.attempt}

        runner = Runner(1, work, "w", lambda _, report: delivered.put_nowait(report))
        runner.take(START)
        runner.take(replace(START, attempt=2))
        runner.take(replace(START, attempt=3))
        assert runner.stop(StopTask("t", 3, "")), "one that waits"
        await begun.wait()
        assert runner.stop(StopTask("t", 1, ""))
        assert not runner.stop(StopTask("t", 9, ""))
        assert (await delivered.get()).attempt == 2
        assert runner.is_idle
        assert delivered.empty()

    asyncio.run(run())


def test_a_worker_that_leaves_finishes_first_and_says_so_where_it_cannot_in_time() -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    async def function(task: Task) -> None:
        begun.set()
        await gate.wait()

    async def run() -> None:
        async with embedded() as service, working(service, function, drain_timeout_s=0.5) as hurried:
            await submit(service, "t")
            await begun.wait()
            assert not await hurried.drain()
            gate.set()
            assert await hurried.drain()
            assert (await service.ended("t")).state == "completed"

    asyncio.run(run())


def test_a_report_is_sent_until_it_is_answered() -> None:
    async def run() -> int:
        sent: list[Envelope] = []
        delivered = asyncio.Event()

        async def carry(envelope: Envelope, queue: str) -> None:
            sent.append(envelope)
            if len(sent) == 1:
                raise Disconnected("for a moment")
            counted = ReportAnswered("t", True)
            answers.append(asyncio.ensure_future(conversation.take(Envelope(envelope.id, envelope.to, counted))))

        def handle(message: WorkerMessage) -> Answer:
            raise AssertionError("nothing is asked")

        answers: list[asyncio.Future[None]] = []
        conversation = Conversation(worker_address("w"), carry, handle)
        reporter = Reporter(delivered.set)
        reporter.connect(conversation)
        reporter.report(START, Report("t", 1, "a", "w", 1.0, b"{}"))
        reporter.report(START, Report("t", 1, "a", "w", 1.0, b"{}"))
        async with asyncio.timeout(DEADLINE_S):
            await delivered.wait()
        assert reporter.pending == 0
        assert len({envelope.id for envelope in sent}) == len(sent), "a broker would drop the repeat of an id"
        return len(sent)

    assert asyncio.run(run()) == 2


def test_a_checkpoint_that_the_scheduler_refuses_becomes_an_error_that_says_so() -> None:
    async def run() -> list[Report | ReportYield]:
        said: list[Report | ReportYield] = []
        delivered = asyncio.Event()

        async def carry(envelope: Envelope, queue: str) -> None:
            assert isinstance(envelope.message, Report | ReportYield)
            said.append(envelope.message)
            refused = isinstance(envelope.message, ReportYield)
            answer = Refused("invalid", "too deep") if refused else ReportAnswered("t", True)
            await conversation.take(Envelope(envelope.id, envelope.to, answer))

        def handle(message: WorkerMessage) -> Answer:
            raise AssertionError("nothing is asked")

        conversation = Conversation(worker_address("w"), carry, handle)
        reporter = Reporter(delivered.set)
        reporter.connect(conversation)
        reporter.report(START, ReportYield("t", 1, 4, "a", "w", 1.0, b"{}"))
        async with asyncio.timeout(DEADLINE_S):
            await delivered.wait()
        return said

    _, report = asyncio.run(run())
    assert isinstance(report, Report)
    assert (report.attempt, report.resumption, report.is_error) == (1, 4, True)
    assert b"refused the checkpoint: too deep" in report.result


def test_a_question_that_ends_its_connection_is_told_of_once() -> None:
    complaints: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))

        async def carry(envelope: Envelope, queue: str) -> None:
            conversation.end("no exchange")
            raise Disconnected("no exchange")

        def handle(message: WorkerMessage) -> Answer:
            raise AssertionError(message)

        conversation = Conversation(worker_address("w"), carry, handle)
        with pytest.raises(Disconnected, match="no exchange"):
            await conversation.ask(worker_address("w"), DetachWorker("w"))

    asyncio.run(run())
    gc.collect()
    assert complaints == []


def test_a_connection_over_which_nothing_comes_is_given_up() -> None:
    async def run() -> str:
        async def carry(envelope: Envelope, queue: str) -> None:
            raise AssertionError("nothing is said")

        def handle(message: WorkerMessage) -> Answer:
            raise AssertionError("nothing is asked")

        async with asyncio.timeout(DEADLINE_S):
            return await Conversation(worker_address("w"), carry, handle).over(0.05)

    assert "nothing was heard" in asyncio.run(run())


def test_a_worker_without_a_function_or_with_one_that_takes_no_task_says_so() -> None:
    with pytest.raises(ValueError, match="needs a function"):
        asyncio.run(Worker("a").start())
    with pytest.raises(ValueError, match="must take"):
        Worker("a").task(lambda: None)


def test_a_name_that_no_queue_can_have_is_refused_where_there_is_a_queue() -> None:
    with pytest.raises(ValueError, match=r"worker_id: over AMQP it names a queue, .*; got 'wörk'"):
        Worker("a", amqp="amqp://localhost/", worker_id="wörk")
    assert Worker("a", worker_id="wörk").worker_id == "wörk"


@pytest.mark.parametrize("agent_id", ["a" * 255, "ü" * 255, "😀" * 255, "a" + "😀" * 254])
def test_a_worker_that_has_no_name_has_one_that_is_taken_whatever_its_agent_is_called(agent_id: str) -> None:
    worker_id = Worker(agent_id).worker_id
    assert worker_name(worker_id) == worker_id
    assert worker_id.isascii()  # as the name of a queue has to be
    assert worker_id != Worker(agent_id).worker_id


@pytest.mark.parametrize("made", [lambda: Worker("a", url=NOWHERE), lambda: TaskInstance("m", scheduler=None)])
def test_what_was_closed_is_not_started_again_to_refuse_every_task(made: Callable[[], Worker | TaskInstance]) -> None:
    async def run() -> None:
        server = made()
        if isinstance(server, Worker):
            server.task(lambda task: {})
        await server.close()  # before it was started there is nothing to stop
        await server.start()
        for _ in range(2):
            with pytest.raises(RuntimeError, match="can be started once"):
                await server.start()
            await server.close()

    asyncio.run(run())


@pytest.mark.parametrize("url", ["ftp://here", "http://", "http://here:99999", "ws://here:0", "here:port"])
def test_what_is_no_address_of_a_scheduler_is_told_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="url: must be like http://127"):
        Worker("a", url=url)


@pytest.mark.parametrize("thing", [5, None, "function"])
def test_what_is_no_function_is_told_at_once(thing: Any) -> None:
    with pytest.raises(ValueError, match="must be a function"):
        Worker("a").task(thing)
    if thing is not None:
        with pytest.raises(ValueError, match="must be a function"):
            TaskInstance("m", thing)


def test_a_callable_object_that_counts_as_false_is_called_all_the_same() -> None:
    class Pipeline(list[object]):
        def __call__(self) -> None: ...

    with pytest.raises(ValueError, match="must take the task's input"):
        TaskInstance("m", Pipeline())
