"""What REST offers beyond the guide: batches, ids of the client's choice, strategies, stories, agents, metrics."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from actors.addresses import Address
from actors.errors import AnswerTimeout, BrokerUnavailable, StoreUnavailable
from actors.messages import Answer, Message
from gateway.app import build_app
from tests.embedded import Embedded, embedded, instance, until
from tests.rest_client import Rest, rest_client
from tests.serving import serving

MODEL = "gpt-3.5-turbo"
AGENT = "team/worker-1"


def play(scene: Callable[[Rest, Embedded], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        async with embedded(**settings) as service, rest_client(service.url) as rest:
            await scene(rest, service)

    asyncio.run(run())


def test_a_batch_has_a_result_per_task() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with instance(service, MODEL, capacity=4) as steered:
            steered.gate.set()
            tasks = [
                {"task_input": {"n": 1}, "metadata": {"batch_id": 7}},
                {"task_input": {"n": 2}, "metadata": {"priority": "urgent"}},
                {"task_input": {"n": 3}, "task_id": "mine"},
            ]
            reply = await rest.post("/queue/submit_batch", {"model_name": MODEL, "tasks": tasks})
            assert (reply.status, reply.body["status"], reply.body["accepted"]) == (200, "partial", 2)
            first, second, third = reply.body["results"]
            assert (first["status"], first["code"]) == ("success", 200)
            assert (second["status"], second["code"], second["task_id"]) == ("error", 422, "")
            assert "metadata.priority" in second["detail"]
            assert third["task_id"] == "mine"
            for task_id in (first["task_id"], "mine"):
                assert (await service.ended(task_id)).state == "completed"

    play(scene)


def test_a_batch_nobody_can_run_is_refused_as_a_whole() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        reply = await rest.post("/queue/submit_batch", {"model_name": "gpt-4", "tasks": [{"task_input": {}}] * 3})
        assert (reply.status, reply.detail) == (503, "No TaskInstances configured for model gpt-4")

    play(scene)


def test_a_batch_queues_in_its_order() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with instance(service, MODEL) as steered:
            steered.gate.set()
            tasks = [{"task_input": {"n": n}} for n in range(40)]
            reply = await rest.post("/queue/submit_batch", {"model_name": MODEL, "tasks": tasks})
            assert (reply.body["status"], reply.body["accepted"]) == ("success", 40)
            await steered.has_started(40)
            assert [task["n"] for task in steered.started] == list(range(40))

    play(scene)


def test_the_same_id_and_content_is_one_task_and_other_content_is_a_conflict() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with instance(service, MODEL) as steered:
            first = await rest.submit(MODEL, {"a": 1, "b": 2}, task_id="task-abc123")
            assert first.body["task_id"] == "task-abc123"
            again = await rest.submit(MODEL, {"b": 2, "a": 1}, task_id="task-abc123")
            assert (again.status, again.body) == (200, first.body)
            other = await rest.submit(MODEL, {"a": 2}, task_id="task-abc123")
            assert other.status == 409
            assert "task-abc123" in other.detail
            steered.gate.set()
            await service.ended("task-abc123")
            late = await rest.submit(MODEL, {"a": 1, "b": 2}, task_id="task-abc123")
            assert (late.status, late.body["task_id"]) == (200, "task-abc123")
            assert (await rest.submit(MODEL, {"a": 3}, task_id="task-abc123")).status == 409
            assert len(steered.started) == 1

    play(scene)


def test_strategies_are_listed_and_chosen() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        listed = (await rest.get("/scheduler/strategies")).body
        assert listed["current"] == "shortest_queue"
        names = [strategy["name"] for strategy in listed["strategies"]]
        for name in [*names, "ShortestQueue", "RoundRobin", "Weighted", "Probabilistic"]:
            reply = await rest.post("/scheduler/set", {"name": name})
            assert (reply.status, reply.body["status"], reply.body["name"] in names) == (200, "success", True)
            assert (await rest.get("/queue/info")).body["strategy"] == reply.body["name"]
        reply = await rest.post("/scheduler/set", {"name": "weighted", "model_name": MODEL})
        assert reply.body["message"] == f"Strategy set to weighted for model {MODEL}"

    play(scene)


def test_orders_of_the_line_are_listed_and_chosen() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        listed = (await rest.get("/scheduler/strategies")).body
        assert listed["current_order"] == "priority"
        for order in listed["orders"]:
            reply = await rest.post("/scheduler/set", {"order": order["name"]})
            assert (reply.status, reply.body["order"], reply.body["name"]) == (200, order["name"], "shortest_queue")
            assert reply.body["message"] == f"Order set to {order['name']}"
            assert (await rest.get("/scheduler/strategies")).body["current_order"] == order["name"]
        reply = await rest.post("/scheduler/set", {"name": "weighted", "order": "Fair", "model_name": MODEL})
        assert reply.body["message"] == f"Strategy set to weighted, Order set to fair for model {MODEL}"

    play(scene)


def test_a_tasks_story() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with instance(service, MODEL) as steered:
            steered.gate.set()
            await rest.submit(MODEL, {}, task_id="t")
            await service.ended("t")
            story = (await rest.get("/task/story", task_id="t")).body
            assert story["task_id"] == "t"
            kinds = [event["kind"] for event in story["events"]]
            assert kinds[0] == "TaskQueued"
            assert len(kinds) >= 3
            ti_uuid = (await rest.get("/queue/info")).body["queues"][0]["ti_uuid"]
            actors = {event["actor"] for event in story["events"]}
            assert actors == {"scheduler/one", f"agent/model:{MODEL}", f"dispatcher/{ti_uuid}"}
            assert story["events"][0]["event"]["spec"]["task_id"] == "t"

    play(scene)


def test_tasks_that_touch_the_same_run_one_after_the_other_and_a_query_says_behind_which() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with instance(service, MODEL, capacity=9) as steered:
            for name, scope in (("t1", "repo.docs"), ("t2", "repo, other"), ("t3", "repo/src"), ("free", "tools")):
                body = {"model_name": MODEL, "task_input": {"name": name}, "metadata": {"scope": scope}}
                assert (await rest.post("/queue/submit", {**body, "task_id": name})).status == 200
            await steered.has_started(2)
            assert {task["name"] for task in steered.started} == {"t1", "free"}
            reasons = [(await rest.get("/task/query", task_id=name)).body["reason"] for name in ("t1", "t2", "t3")]
            assert reasons == [
                "",
                "waiting behind task t1, which runs with the overlapping scope 'repo.docs'",
                "waiting behind task t2, which comes first with the overlapping scope 'repo, other'",
            ]
            steered.gate.set()
            await service.ended("t3")
            assert [task["name"] for task in steered.started if task["name"] != "free"] == ["t1", "t2", "t3"]
            assert (await rest.get("/task/query", task_id="t3")).body["reason"] == ""
            refused = await rest.submit(MODEL, {}, metadata={"scope": "repo..docs"})
            assert refused.status == 422
            assert "metadata.scope" in refused.detail

    play(scene)


def test_a_query_of_an_agents_waiting_task_says_what_for() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with instance(service, MODEL, capacity=9) as steered:
            for name in ("t1", "t2"):
                await rest.post(f"/agents/{AGENT}/tasks", {"task_id": name, "params": {"model_name": MODEL}})
            await steered.has_started(1)
            reason = (await rest.get("/task/query", task_id="t2")).body["reason"]
            assert reason == f"waiting for a slot: agent {AGENT} is at its limit of 1 running"

    play(scene)


def test_an_agents_tasks_and_activity() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        at = f"/agents/{AGENT}"
        params = {"action": "process", "repo_id": "r", "branch": "main", "description": "tidies up"}
        reply = await rest.post(f"{at}/tasks", {"task_id": "task-123", "priority": 5, "params": params, "scope": "g.r"})
        assert (reply.status, reply.body["accepted"], reply.body["task_id"]) == (200, True, "task-123")
        assert reply.body["reason"]
        again = await rest.post(f"{at}/tasks", {"task_id": "task-123", "params": {}})
        assert (again.status, again.body["accepted"]) == (200, False)
        assert "task-123" in again.body["reason"]

        async def look() -> list[dict[str, Any]] | None:
            return cast("list[dict[str, Any]]", (await rest.get(f"{at}/activity")).body["entries"]) or None

        [entry] = await until(look, "activity entry")
        expected = {"task_id": "task-123", "repo_id": "r", "worktree_id": "", "branch": "main"}
        assert expected.items() <= entry.items()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["timestamp"])

        assert (await rest.post(f"{at}/tasks/task-123/preempt", {"reason": "urgent"})).body == {"enqueued": True}
        assert (await rest.post(f"{at}/tasks/nobody/preempt", {})).body == {"enqueued": False}
        assert (await rest.post(f"{at}/activity/purge", {"task_ids": ["task-123"]})).body == {"purged": 0}
        assert (await rest.post(f"{at}/shutdown", {"grace_period_s": 0})).body == {"ok": True}
        refused = await rest.post(f"{at}/tasks", {"params": {}})
        assert (refused.status, refused.body["accepted"]) == (200, False)
        assert "shutting down" in refused.body["reason"]

    play(scene)


def test_a_task_that_cannot_be_asked_to_give_way_runs_to_its_end_and_its_query_says_so() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with instance(service, MODEL) as steered:
            await rest.submit(MODEL, {}, task_id="t")
            await steered.has_started(1)
            at = f"/agents/model:{MODEL}/tasks/t/preempt"
            assert (await rest.post(at, {"reason": "urgent", "grace_s": 0})).body == {"enqueued": True}

            async def look() -> str | None:
                record = (await rest.get("/task/query", task_id="t")).body
                return cast(str, record["reason"]) if record["state"] == "preempting" else None

            assert "runs to its end" in await until(look, "word of why it still runs")
            steered.gate.set()
            assert (await service.ended("t")).state == "completed"
            assert (await rest.post(at, {})).body == {"enqueued": False}

    play(scene)


def test_metrics_and_the_status_page() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with instance(service, MODEL) as steered:
            steered.gate.set()
            await rest.submit(MODEL, {}, task_id="t")
            await service.ended("t")
            text = (await rest.get("/metrics")).body
            assert re.search(r'^swarmpilot_tasks\{state="completed"\} 1\.0$', text, re.MULTILINE)
            served = r'^swarmpilot_http_requests_total\{method="POST",path="/queue/submit",status="200"\} 1\.0$'
            assert re.search(served, text, re.MULTILINE)
            assert f'swarmpilot_instance_wait_seconds{{model_name="{MODEL}"' in text
        async with rest.session.get(f"{rest.url}/") as page:
            html = await page.text()
            assert (page.status, page.content_type) == (200, "text/html")
        assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", html)

    play(scene)


def test_a_draining_service_takes_no_tasks_and_still_hears_reports() -> None:
    async def scene(rest: Rest, service: Embedded) -> None:
        async with instance(service, MODEL) as steered:
            await rest.submit(MODEL, {}, task_id="t")
            await steered.has_started(1)
            service.service.begin_drain()
            health = await rest.get("/health")
            assert (health.status, health.body["status"]) == (503, "draining")
            batch = {"model_name": MODEL, "tasks": [{"task_input": {}}]}
            for path, body in (
                ("/queue/submit", {"model_name": MODEL, "task_input": {}}),
                ("/queue/submit_batch", batch),
                (f"/agents/{AGENT}/tasks", {}),
            ):
                reply = await rest.post(path, body)
                assert (reply.status, "being stopped" in reply.detail) == (503, True)
                assert reply.headers["retry-after"].isdigit()
            steered.gate.set()
            assert (await service.ended("t")).state == "completed"

    play(scene)


class Failing:
    """An asker and a reader of which nothing can be had."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def ask(self, to: Address, message: Message, *, timeout: float | None = None) -> Answer:
        raise self.error

    async def task(self, task_id: str) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (BrokerUnavailable("the broker did not confirm"), 503, "The broker did not confirm; try again"),
        (AnswerTimeout("no answer within 10 s"), 503, "No answer within 10 s; try again"),
        (StoreUnavailable("disk full"), 503, "Disk full; try again"),
        (RuntimeError("secret detail"), 500, "Internal error: the request was understood and could not be carried out"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_fails_behind_the_edge(error: Exception, status: int, text: str) -> None:
    async def run() -> None:
        async with embedded() as service:
            edge = service.service.edge
            nobody = cast(Any, Failing(error))
            failing = build_app(replace(edge, asker=nobody, reader=nobody))
            async with serving(failing) as url, rest_client(url) as rest:
                notify = {"task_id": "t", "instance_id": "", "execution_time": 0, "result": {}}
                replies = [
                    await rest.get("/queue/info"),
                    await rest.get("/task/query", task_id="t"),
                    await rest.post("/notify/task_complete", notify),
                    await rest.post("/ti/remove", {"host": "h", "port": 1}),
                ]
                if not isinstance(error, AnswerTimeout):
                    replies.append(await rest.submit(MODEL, {}))
                for reply in replies:
                    assert (reply.status, reply.detail) == (status, text)
                    assert (reply.headers.get("retry-after") is not None) == (status == 503)

    asyncio.run(run())


def test_a_submit_without_an_answer_names_the_id_under_which_a_retry_is_safe() -> None:
    async def run() -> None:
        async with embedded() as service:
            edge = service.service.edge
            silent = Failing(AnswerTimeout("no answer within 10 s"))
            app = build_app(replace(edge, asker=cast(Any, silent)))
            async with serving(app) as url, rest_client(url) as rest:
                text = r"no answer within 10 s; the task may be admitted: submit it again with task_id "
                fresh = await rest.submit(MODEL, {})
                assert re.fullmatch(text + r"task-[0-9a-f]{32}", fresh.detail)
                agents = await rest.post(f"/agents/{AGENT}/tasks", {"task_id": "mine"})
                assert re.fullmatch(text + "mine", agents.detail)
                assert (fresh.status, agents.status) == (503, 503)
                assert "retry-after" in fresh.headers
                batch = await rest.post("/queue/submit_batch", {"model_name": MODEL, "tasks": [{"task_input": {}}] * 3})
                assert (batch.status, batch.body["status"], batch.body["accepted"]) == (200, "error", 0)
                assert {result["code"] for result in batch.body["results"]} == {503}
                ids = {result["detail"].rpartition(" ")[2] for result in batch.body["results"]}
                assert len(ids) == 3, "each has one of its own"

    asyncio.run(run())
