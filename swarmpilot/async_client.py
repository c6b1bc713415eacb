"""The asynchronous client: the same as `Client`, for programs with an event loop and many tasks under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from swarmpilot import calls
from swarmpilot.activity import SILENCE_S, ActivityChange, ActivityEntry, ActivityEvents, ActivityPages, ActivityQuery
from swarmpilot.agents import AgentRecord
from swarmpilot.backoff import Patience, delays
from swarmpilot.calls import Call
from swarmpilot.client import DEFAULT_URL, FIRST_POLL_S, LONGEST_POLL_S, POLL_FACTOR, checked_address, checked_times
from swarmpilot.dead import DeadRecord, Replay
from swarmpilot.errors import SchedulerError, SchedulerUnavailable, SchedulerUnreachable, TaskFailed, WaitTimeout
from swarmpilot.placement import Placement
from swarmpilot.records import Health, InstanceQueue, SubmittedTask, TaskRecord

T = TypeVar("T")


class AsyncClient:
    """Speaks to the scheduler at `url` over at most `connections` kept-alive connections of an event loop.

        async with AsyncClient() as client:
            print(await client.run("my-model", {"prompt": "What is AI?"}))

    Arguments, answers and errors are those of `Client`.
    """

    def __init__(
        self, url: str = DEFAULT_URL, *, timeout_s: float = 30.0, retry_for_s: float = 0.0, connections: int = 64
    ) -> None:
        self.url = checked_address(url).geturl()
        self._base = str(URL(self.url)).rstrip("/")
        self._timeout_s, self._retry_for_s = checked_times(timeout_s, retry_for_s)
        if connections < 1:
            raise ValueError(f"connections must be at least 1, got {connections}")
        self._connections = connections
        self._opened: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}

    async def submit(
        self,
        model: str,
        task_input: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any] | None = None,
        priority: int | str | None = None,
        task_id: str | None = None,
        scope: str | None = None,
    ) -> SubmittedTask:
        """Submit a task; see `Client.submit`."""
        return await self._perform(calls.submit(model, task_input, metadata, priority, task_id, scope))

    async def submit_many(
        self,
        model: str,
        inputs: Iterable[Mapping[str, Any]],
        *,
        metadata: Mapping[str, Any] | None = None,
        priority: int | str | None = None,
        scope: str | None = None,
    ) -> list[SubmittedTask | SchedulerError]:
        """Submit many tasks in few requests; in their place, what was accepted or why not.

        Raises what the first request comes to where it fails. Where a later one does, none is made after it.
        """
        given = list(inputs)
        answers: list[SubmittedTask | SchedulerError] = []
        for batch in calls.submit_batches(model, given, metadata, priority, scope):
            try:
                told = await self._perform(batch)
            except SchedulerError as failure:
                return calls.with_the_rest_failed(answers, len(given), failure)
            answers += told
        return answers

    async def query(self, task_id: str) -> TaskRecord:
        """The task's record. Raises TaskNotFound."""
        return await self._perform(calls.query(task_id))

    async def wait(self, task_id: str, timeout_s: float | None = None) -> TaskRecord:
        """Wait for the task's end, good or bad. Raises WaitTimeout, TaskNotFound."""
        begun = time.monotonic()
        pause = FIRST_POLL_S
        while True:
            record = await self.query(task_id)
            if record.has_ended:
                return record
            left = float("inf") if timeout_s is None else begun + timeout_s - time.monotonic()
            if left <= 0:
                raise WaitTimeout(record, timeout_s or 0.0)
            await asyncio.sleep(min(pause, left))
            pause = min(pause * POLL_FACTOR, LONGEST_POLL_S)

    async def result(self, task_id: str, timeout_s: float | None = None) -> Any:
        """Wait for the task and return its result. Raises TaskFailed, WaitTimeout, TaskNotFound."""
        record = await self.wait(task_id, timeout_s)
        if record.has_failed:
            raise TaskFailed(record)
        return record.result

    async def run(
        self,
        model: str,
        task_input: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any] | None = None,
        priority: int | str | None = None,
        scope: str | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Submit a task, wait for it and return its result."""
        submitted = await self.submit(model, task_input, metadata=metadata, priority=priority, scope=scope)
        return await self.result(submitted.task_id, timeout_s)

    async def preempt(self, task_id: str, reason: str = "", grace_s: float | None = None) -> bool:
        """Ask the task to stop at its next safe point; see `Client.preempt`."""
        record = await self.query(task_id)
        return await self._perform(calls.preempt(record.agent_id, task_id, reason, grace_s))

    async def agents(self) -> list[AgentRecord]:
        """How the agents are that have a task, a worker or a shutdown, in the order of their ids."""
        found, more = await self._perform(calls.agents(""))
        while more:
            page, more = await self._perform(calls.agents(found[-1].agent_id))
            found += page
        return found

    async def agent(self, agent_id: str) -> AgentRecord:
        """How the agent is. Raises RequestRefused (404) where nobody has heard of it."""
        return await self._perform(calls.agent(agent_id))

    async def shutdown_agent(self, agent_id: str, grace_s: float | None = None) -> bool:
        """Shut the agent down; what it runs may take `grace_s` to finish (None: the server's setting)."""
        return await self._perform(calls.shutdown_agent(agent_id, grace_s))

    async def story(self, task_id: str) -> list[tuple[float, str, str]]:
        """What happened to the task: time, actor and kind of each event. Raises TaskNotFound."""
        return await self._perform(calls.story(task_id))

    async def dead_letters(self) -> list[DeadRecord]:
        """The messages that could have no effect, those that failed last first."""
        found: list[DeadRecord] = []
        while page := await self._perform(calls.dead_letters(found[-1].id if found else "")):
            found += page
        return found

    async def dead_letter(self, letter_id: str) -> DeadRecord:
        """The whole of one. Raises RequestRefused (404)."""
        return await self._perform(calls.dead_letter(letter_id))

    async def replay(self, letter_id: str) -> Replay:
        """Send a dead letter again; twice does it once. Raises RequestRefused (404) where it is not there any more."""
        return await self._perform(calls.replay(letter_id))

    async def queues(self, model: str | None = None) -> list[InstanceQueue]:
        """The instances and the waits there, of one model or of all."""
        return await self._perform(calls.queues(model))

    async def explain(self, task_id: str) -> Placement:
        """Why a task was started where it was, or waits, with the numbers of all instances. Raises TaskNotFound."""
        return await self._perform(calls.explain(task_id))

    async def activity(
        self,
        *,
        agent_id: str | None = None,
        repo_id: str | None = None,
        worktree_id: str | None = None,
        task_id: str | None = None,
        limit: int = 100,
        history: bool = False,
    ) -> list[ActivityEntry]:
        """What agents are at, the oldest change first; with `history` what they were at, the newest end first."""
        pages = ActivityPages(ActivityQuery(agent_id, repo_id, worktree_id, task_id), limit, is_history=history)
        while (call := pages.call()) is not None:
            await self._perform(call)
        return pages.entries

    async def follow_activity(
        self,
        *,
        agent_id: str | None = None,
        repo_id: str | None = None,
        worktree_id: str | None = None,
        task_id: str | None = None,
        after: int | None = None,
    ) -> AsyncIterator[ActivityChange]:
        """What agents are at, then what changes, for ever; see `Client.follow_activity`."""
        path = ActivityQuery(agent_id, repo_id, worktree_id, task_id).path("/activity/stream")
        events, patience = ActivityEvents(after), Patience(self._retry_for_s)
        while True:
            try:
                async for change in self._listen(path, events, patience):
                    yield change
            except (SchedulerUnreachable, SchedulerUnavailable) as failure:
                await asyncio.sleep(patience.pause_after(failure))

    async def register(self, host: str, port: int, model: str) -> str:
        """Register the instance at this address; its ti_uuid."""
        return await self._perform(calls.register(host, port, model))

    async def remove(self, host: str, port: int) -> str:
        """Remove the instance at this address; its ti_uuid."""
        return await self._perform(calls.remove(host, port))

    async def set_strategy(self, name: str, model: str | None = None) -> str:
        """Choose the placement strategy: ShortestQueue, RoundRobin, Tail, ... (docs/placement.md) -> its name."""
        return await self._perform(calls.set_strategy(name, model))

    async def set_order(self, name: str, model: str | None = None) -> str:
        """Choose the order among equals in importance: priority, fair, shortest_predicted, deadline -> its name."""
        return await self._perform(calls.set_order(name, model))

    async def health(self) -> Health:
        """How the scheduler is. Raises SchedulerUnreachable."""
        return await self._perform(calls.health())

    async def close(self) -> None:
        """Close all connections of this event loop."""
        session = self._opened.pop(asyncio.get_running_loop(), None)
        if session:
            await session.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def _session(self) -> aiohttp.ClientSession:
        here = asyncio.get_running_loop()
        if here not in self._opened:
            for loop in [loop for loop in (*self._opened,) if loop.is_closed()]:
                del self._opened[loop]
            self._opened[here] = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                connector=aiohttp.TCPConnector(limit=self._connections),
                headers={"Content-Type": "application/json"},
            )
        return self._opened[here]

    async def _perform(self, call: Call[T]) -> T:
        deadline = time.monotonic() + self._retry_for_s
        for delay in delays(0.1, 2.0):
            try:
                return calls.read_answer(call, *await self._exchange(call))
            except (SchedulerUnreachable, SchedulerUnavailable) as failure:
                asked = failure.retry_after_s if isinstance(failure, SchedulerUnavailable) else 0.0
                pause = max(delay, asked)
                if not call.is_repeatable or time.monotonic() + pause > deadline:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("delays never end")

    async def _exchange(self, call: Call[Any]) -> tuple[int, str | None, bytes]:
        try:
            try:
                return await self._send(call)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                # Most likely the server closed the idle connection just now; where a repeat is safe, a new one tells.
                if not call.is_repeatable:
                    raise
                return await self._send(call)
        except TimeoutError:
            raise SchedulerUnreachable(f"{self.url} did not answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as failure:
            reason = str(failure) or type(failure).__name__
            raise SchedulerUnreachable(f"no scheduler answers at {self.url}: {reason}") from None

    async def _listen(self, path: str, events: ActivityEvents, patience: Patience) -> AsyncIterator[ActivityChange]:
        silence = aiohttp.ClientTimeout(total=None, sock_read=max(self._timeout_s, SILENCE_S))
        try:
            async with self._session.get(self._at(path), headers=events.headers, timeout=silence) as answer:
                if answer.status != 200:
                    retry_after, body = answer.headers.get("Retry-After"), await answer.read()
                    calls.read_answer(Call("GET", path, dict), answer.status, retry_after, body)
                events.connect()
                patience.heard()
                async for line in answer.content:
                    if change := events.take(line):
                        yield change
        except (aiohttp.ClientError, OSError) as failure:
            raise SchedulerUnreachable(f"the stream of {self.url} broke: {failure or type(failure).__name__}") from None
        raise SchedulerUnreachable(f"the scheduler at {self.url} ended the stream")

    async def _send(self, call: Call[Any]) -> tuple[int, str | None, bytes]:
        async with self._session.request(call.method, self._at(call.path), data=call.body) as answer:
            return answer.status, answer.headers.get("Retry-After"), await answer.read()

    def _at(self, path: str) -> URL:
        """The path as it is: what is made of an id `.` or `..` is no step through folders."""
        return URL(self._base + path, encoded=True)
