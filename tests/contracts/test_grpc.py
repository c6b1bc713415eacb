"""`sw4rm.scheduler.SchedulerService` as its clients know it, on the whole service with real TaskInstances."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc

from actors.task_lifecycle import TaskState
from protos import scheduler_pb2 as pb
from tests.embedded import Embedded, embedded, instance, until
from tests.grpc_client import connected

AGENT = "worker-1"
Scene = Callable[[Embedded, Any], Awaitable[None]]


def play(scene: Scene, **settings: Any) -> None:
    """Run the scene with a fresh service and the stub of a generated client."""

    async def run() -> None:
        async with embedded(**settings) as scheduler, connected(scheduler.grpc_port) as client:
            await scene(scheduler, client.stub)

    asyncio.run(run())


def task(task_id: str, params: dict[str, Any] | None = None, **fields: Any) -> pb.SubmitTaskRequest:
    body = json.dumps({"name": task_id, **(params or {})}).encode()
    return pb.SubmitTaskRequest(
        **{"agent_id": AGENT, "task_id": task_id, "params": body, "content_type": "application/json", **fields}
    )


@asynccontextmanager
async def busy_instance(scheduler: Embedded, stub: Any) -> AsyncIterator[Any]:
    """An instance of the agent whose only place is taken by the task `first`, until its gate opens."""
    async with instance(scheduler, AGENT) as steered:
        assert (await stub.SubmitTask(task("first"))).accepted
        await steered.has_started(1)
        yield steered


def test_the_example_of_the_sdk() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        submit = pb.SubmitTaskRequest(
            agent_id="worker-1",
            task_id="task-123",
            priority=5,
            scope="global.resource",
            params=b'{"action": "process"}',
            content_type="application/json",
        )
        response = await stub.SubmitTask(submit)
        assert response.accepted
        preempt = pb.PreemptRequest(agent_id="worker-1", task_id="task-123", reason="Higher priority task arrived")
        assert (await stub.RequestPreemption(preempt)).enqueued
        activities = await stub.PollActivityBuffer(pb.PollActivityBufferRequest(agent_id="worker-1"))
        assert [entry.task_id for entry in activities.entries] == ["task-123"]
        purge = pb.PurgeActivityRequest(agent_id="worker-1", task_ids=["task-123"])
        assert (await stub.PurgeActivity(purge)).purged == 0  # it has not ended
        grace = Duration()
        grace.FromTimedelta(timedelta(seconds=30))
        assert (await stub.ShutdownAgent(pb.ShutdownAgentRequest(agent_id="worker-1", grace_period=grace))).ok

    play(scene)


def test_a_task_that_nothing_serves_waits_and_says_for_what() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        response = await stub.SubmitTask(task("early", {"model_name": "llama"}))
        assert response.accepted
        assert "llama" in response.reason
        assert AGENT in response.reason
        async with instance(scheduler, AGENT) as steered:
            steered.gate.set()
            row = await scheduler.ended("early")
            assert row.state == TaskState.COMPLETED
            assert json.loads(await scheduler.result("early"))["did"]["name"] == "early"

    play(scene)


def test_a_task_waits_for_another_agents_task_of_the_same_scope_and_says_so() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        async with instance(scheduler, "llama", capacity=2) as steered:
            params = b'{"model_name": "llama"}'
            for name, scope, reason in (
                ("t1", "global.resource", ""),
                ("t2", "global", "waiting behind task t1, which runs with the overlapping scope 'global.resource'"),
            ):
                response = await stub.SubmitTask(
                    pb.SubmitTaskRequest(agent_id=f"agent-of-{name}", task_id=name, scope=scope, params=params)
                )
                assert (response.accepted, response.reason) == (True, reason)
            steered.gate.set()
            assert (await scheduler.ended("t2")).state == TaskState.COMPLETED
            assert steered.most_running == 1

    play(scene)


def test_params_name_the_model_whose_instances_run_the_task() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        async with instance(scheduler, "llama") as llama, instance(scheduler, "other") as other:
            llama.gate.set()
            other.gate.set()
            assert (await stub.SubmitTask(task("t", {"model_name": "llama"}))).accepted
            await scheduler.ended("t")
            assert [started["name"] for started in llama.started] == ["t"]
            assert other.started == []

    play(scene)


def test_more_important_first_and_in_order_of_arrival_within_a_level() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        async with busy_instance(scheduler, stub) as steered:
            for name, priority in [("a", 0), ("b", 0), ("low", -19), ("c", 5), ("d", 5), ("top", 20), ("e", 0)]:
                assert (await stub.SubmitTask(task(name, priority=priority))).accepted
            steered.gate.set()
            await scheduler.ended("low")
            names = [started["name"] for started in steered.started]
            assert names == ["first", "top", "c", "d", "a", "b", "e", "low"]

    play(scene)


def test_an_agent_runs_one_task_at_a_time_whatever_the_instance_can() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        async with instance(scheduler, AGENT, capacity=3) as steered:
            for name in ("one", "two", "three"):
                assert (await stub.SubmitTask(task(name))).accepted
            steered.gate.set()
            await scheduler.ended("three")
            assert steered.most_running == 1
            waiting = await stub.SubmitTask(task("four"))
            assert waiting.accepted

    play(scene)


def test_agents_do_not_wait_for_each_other() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        async with instance(scheduler, "llama", capacity=2) as steered:
            for agent_id in ("worker-1", "worker-2"):
                request = task(f"of-{agent_id}", {"model_name": "llama"}, agent_id=agent_id)
                assert (await stub.SubmitTask(request)).accepted
            await steered.has_started(2)
            assert steered.most_running == 2
            steered.gate.set()

    play(scene)


def test_the_same_submit_again_is_accepted_again_and_runs_once() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        async with busy_instance(scheduler, stub) as steered:
            assert all([(await stub.SubmitTask(task("twice"))).accepted for _ in range(3)])
            assert (await stub.SubmitTask(task("first"))).accepted
            steered.gate.set()
            await scheduler.ended("twice")
            assert (await stub.SubmitTask(task("twice"))).accepted
            assert (await stub.SubmitTask(task("last"))).accepted
            await scheduler.ended("last")
            assert [started["name"] for started in steered.started] == ["first", "twice", "last"]

    play(scene)


def test_many_submits_of_one_task_at_once_run_it_once() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        async with instance(scheduler, AGENT) as steered:
            steered.gate.set()
            responses = await asyncio.gather(*(stub.SubmitTask(task("raced")) for _ in range(20)))
            assert all(response.accepted for response in responses)
            assert (await stub.SubmitTask(task("last"))).accepted
            await scheduler.ended("last")
            assert [started["name"] for started in steered.started] == ["raced", "last"]

    play(scene)


@pytest.mark.parametrize(
    "other", [{"priority": 3}, {"scope": "elsewhere"}, {"params": {"more": 1}}, {"agent_id": "worker-2"}]
)
@pytest.mark.parametrize("when", ["waiting", "ended"])
def test_a_task_id_with_other_content_is_refused(other: dict[str, Any], when: str) -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        async with instance(scheduler, AGENT) as steered:
            assert (await stub.SubmitTask(task("taken"))).accepted
            if when == "ended":
                steered.gate.set()
                await scheduler.ended("taken")
            refused = await stub.SubmitTask(task("taken", **other))
            assert not refused.accepted
            assert "taken" in refused.reason
            assert "other content" in refused.reason

    play(scene)


@pytest.mark.parametrize("grace", [None, Duration(), Duration(seconds=5)], ids=str)
def test_an_agent_that_is_shut_down_takes_no_new_task(grace: Duration | None) -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        assert (await stub.ShutdownAgent(pb.ShutdownAgentRequest(agent_id=AGENT, grace_period=grace))).ok
        refused = await stub.SubmitTask(task("late"))
        assert not refused.accepted
        assert "shutting down" in refused.reason
        assert AGENT in refused.reason
        assert await scheduler.service.edge.reader.task("late") is None
        assert (await stub.SubmitTask(task("elsewhere", agent_id="worker-2"))).accepted

    play(scene)


def test_preemption_of_what_is_not_there_is_not_queued() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        async with busy_instance(scheduler, stub) as steered:

            async def enqueued(task_id: str, agent_id: str = AGENT) -> bool:
                request = pb.PreemptRequest(agent_id=agent_id, task_id=task_id)
                return bool((await stub.RequestPreemption(request)).enqueued)

            assert await enqueued("first")
            assert not await enqueued("unknown")
            assert not await enqueued("first", "worker-2")
            steered.gate.set()
            await scheduler.ended("first")

            async def refused() -> bool | None:
                return None if await enqueued("first") else True

            await until(refused, "refusal of the preemption of an ended task")

    play(scene)


def test_activity_from_admission_to_the_end() -> None:
    about = {"repo_id": "repo", "worktree_id": "tree", "branch": "main", "description": "Fix the parser"}

    async def scene(scheduler: Embedded, stub: Any) -> None:
        before = datetime.now(UTC) - timedelta(seconds=1)
        poll = pb.PollActivityBufferRequest(agent_id=AGENT)
        assert list((await stub.PollActivityBuffer(poll)).entries) == []
        assert (await stub.SubmitTask(task("t", about))).accepted
        (entry,) = (await stub.PollActivityBuffer(poll)).entries
        assert (entry.task_id, entry.repo_id, entry.worktree_id) == ("t", "repo", "tree")
        assert (entry.branch, entry.description) == ("main", "Fix the parser")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.timestamp)
        assert before <= datetime.fromisoformat(entry.timestamp) <= datetime.now(UTC) + timedelta(seconds=1)
        assert list((await stub.PollActivityBuffer(pb.PollActivityBufferRequest(agent_id="other"))).entries) == []
        async with instance(scheduler, AGENT) as steered:
            await steered.has_started(1)
            assert len((await stub.PollActivityBuffer(poll)).entries) == 1
            steered.gate.set()
            await scheduler.ended("t")
        left = len((await stub.PollActivityBuffer(poll)).entries)
        assert (await stub.PurgeActivity(pb.PurgeActivityRequest(agent_id=AGENT))).purged == left
        assert list((await stub.PollActivityBuffer(poll)).entries) == []

    play(scene)


def test_a_description_of_more_than_200_words_is_malformed() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.SubmitTask(task("t", {"description": "w " * 201}))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "params.description" in (refused.value.details() or "")

    play(scene)


def test_purge_spares_what_has_not_ended() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        async with busy_instance(scheduler, stub):
            assert (await stub.SubmitTask(task("waiting"))).accepted
            purge = pb.PurgeActivityRequest(agent_id=AGENT, task_ids=["first", "waiting", "unknown"])
            assert (await stub.PurgeActivity(purge)).purged == 0
            assert (await stub.PurgeActivity(pb.PurgeActivityRequest(agent_id=AGENT))).purged == 0
            entries = (await stub.PollActivityBuffer(pb.PollActivityBufferRequest(agent_id=AGENT))).entries
            assert {entry.task_id for entry in entries} == {"first", "waiting"}

    play(scene)


def test_health_follows_the_service() -> None:
    async def run() -> None:
        async with embedded() as scheduler, connected(scheduler.grpc_port) as client:
            stub: Any = health_pb2_grpc.HealthStub(client.channel)
            for service in ("", "sw4rm.scheduler.SchedulerService"):
                watch = stub.Watch(health_pb2.HealthCheckRequest(service=service))
                assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
                watch.cancel()
            watch = stub.Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            scheduler.service.begin_drain()
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            watch.cancel()

    asyncio.run(run())


def test_a_nice_server_takes_lower_as_more_important() -> None:
    async def scene(scheduler: Embedded, stub: Any) -> None:
        async with busy_instance(scheduler, stub) as steered:
            for name, priority in [("later", 19), ("sooner", -20)]:
                assert (await stub.SubmitTask(task(name, priority=priority))).accepted
            steered.gate.set()
            await scheduler.ended("later")
            assert [started["name"] for started in steered.started] == ["first", "sooner", "later"]

    play(scene, priority_order="nice")
