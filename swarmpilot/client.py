"""The synchronous client: submit tasks and wait for their results, from any thread."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from swarmpilot import calls
from swarmpilot.activity import SILENCE_S, ActivityChange, ActivityEntry, ActivityEvents, ActivityPages, ActivityQuery
from swarmpilot.addresses import is_address
from swarmpilot.agents import AgentRecord
from swarmpilot.backoff import Patience, delays
from swarmpilot.calls import Call
from swarmpilot.dead import DeadRecord, Replay
from swarmpilot.errors import SchedulerError, SchedulerUnavailable, SchedulerUnreachable, TaskFailed, WaitTimeout
from swarmpilot.placement import Placement
from swarmpilot.records import Health, InstanceQueue, SubmittedTask, TaskRecord

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8102"

LONGEST_TIMEOUT_S = 1e6
"""What a longer time to wait for an answer is taken for (s), also `math.inf`: systems know no endless one."""

# The polling of `wait`: quick at first, for short tasks, then slower.
FIRST_POLL_S, LONGEST_POLL_S, POLL_FACTOR = 0.02, 1.0, 1.4


class Client:
    """Speaks to the scheduler at `url`. `timeout_s` bounds each request. Raises ValueError.

    `retry_for_s`: how long a request is repeated while the scheduler is away or says 503 (no repeat by
    default). Tasks get their id here, so that a repeated submit is one task.

        client = Client()
        print(client.run("my-model", {"prompt": "What is AI?", "max_tokens": 100}))
    """

    def __init__(self, url: str = DEFAULT_URL, *, timeout_s: float = 30.0, retry_for_s: float = 0.0) -> None:
        self._parts = checked_address(url)
        self.url = self._parts.geturl()
        self._timeout_s, self._retry_for_s = checked_times(timeout_s, retry_for_s)
        self._local = threading.local()

    def submit(
        self,
        model: str,
        task_input: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any] | None = None,
        priority: int | str | None = None,
        task_id: str | None = None,
        scope: str | None = None,
    ) -> SubmittedTask:
        """Submit a task. `priority` is -19..20 or low, normal, high, critical. Raises NoInstances, TaskConflict, ...

        `scope` names what the task touches, as in "repo.docs, tools": tasks whose scopes overlap never run at once.
        """
        return self._perform(calls.submit(model, task_input, metadata, priority, task_id, scope))

    def submit_many(
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
                told = self._perform(batch)
            except SchedulerError as failure:
                return calls.with_the_rest_failed(answers, len(given), failure)
            answers += told
        return answers

    def query(self, task_id: str) -> TaskRecord:
        """The task's record. Raises TaskNotFound."""
        return self._perform(calls.query(task_id))

    def wait(self, task_id: str, timeout_s: float | None = None) -> TaskRecord:
        """Wait for the task's end, good or bad. Raises WaitTimeout, TaskNotFound."""
        begun = time.monotonic()
        pause = FIRST_POLL_S
        while True:
            record = self.query(task_id)
            if record.has_ended:
                return record
            left = float("inf") if timeout_s is None else begun + timeout_s - time.monotonic()
            if left <= 0:
                raise WaitTimeout(record, timeout_s or 0.0)
            time.sleep(min(pause, left))
            pause = min(pause * POLL_FACTOR, LONGEST_POLL_S)

    def result(self, task_id: str, timeout_s: float | None = None) -> Any:
        """Wait for the task and return its result. Raises TaskFailed, WaitTimeout, TaskNotFound."""
        record = self.wait(task_id, timeout_s)
        if record.has_failed:
            raise TaskFailed(record)
        return record.result

    def run(
        self,
        model: str,
        task_input: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any] | None = None,
        priority: int | str | None = None,
        scope: str | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Submit a task, wait for it and return its result. Raises what `submit` and `result` raise."""
        return self.result(
            self.submit(model, task_input, metadata=metadata, priority=priority, scope=scope).task_id, timeout_s
        )

    def preempt(self, task_id: str, reason: str = "", grace_s: float | None = None) -> bool:
        """Ask the task to stop at its next safe point and wait; it goes on from there later. False once it has ended.

        One that does not within `grace_s` seconds (None: the scheduler's setting) is told for the last time, then
        stopped, and fails. Raises TaskNotFound.
        """
        record = self.query(task_id)
        return self._perform(calls.preempt(record.agent_id, task_id, reason, grace_s))

    def agents(self) -> list[AgentRecord]:
        """How the agents are that have a task, a worker or a shutdown, in the order of their ids."""
        found, more = self._perform(calls.agents(""))
        while more:
            page, more = self._perform(calls.agents(found[-1].agent_id))
            found += page
        return found

    def agent(self, agent_id: str) -> AgentRecord:
        """How the agent is. Raises RequestRefused (404) where nobody has heard of it."""
        return self._perform(calls.agent(agent_id))

    def shutdown_agent(self, agent_id: str, grace_s: float | None = None) -> bool:
        """Shut the agent down; what it runs may take `grace_s` to finish (None: the server's setting)."""
        return self._perform(calls.shutdown_agent(agent_id, grace_s))

    def story(self, task_id: str) -> list[tuple[float, str, str]]:
        """What happened to the task: time, actor and kind of each event. Raises TaskNotFound."""
        return self._perform(calls.story(task_id))

    def dead_letters(self) -> list[DeadRecord]:
        """The messages that could have no effect, those that failed last first."""
        found: list[DeadRecord] = []
        while page := self._perform(calls.dead_letters(found[-1].id if found else "")):
            found += page
        return found

    def dead_letter(self, letter_id: str) -> DeadRecord:
        """The whole of one. Raises RequestRefused (404)."""
        return self._perform(calls.dead_letter(letter_id))

    def replay(self, letter_id: str) -> Replay:
        """Send a dead letter again; twice does it once. Raises RequestRefused (404) where it is not there any more."""
        return self._perform(calls.replay(letter_id))

    def queues(self, model: str | None = None) -> list[InstanceQueue]:
        """The instances and the waits there, of one model or of all."""
        return self._perform(calls.queues(model))

    def explain(self, task_id: str) -> Placement:
        """Why a task was started where it was, or waits, with the numbers of all instances. Raises TaskNotFound."""
        return self._perform(calls.explain(task_id))

    def activity(
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
            self._perform(call)
        return pages.entries

    def follow_activity(
        self,
        *,
        agent_id: str | None = None,
        repo_id: str | None = None,
        worktree_id: str | None = None,
        task_id: str | None = None,
        after: int | None = None,
    ) -> Iterator[ActivityChange]:
        """What agents are at, then what changes, for ever; or what comes after the change numbered `after`.

        A connection that is lost is made again for `retry_for_s`, and nothing is missed. Raises SchedulerUnreachable,
        SchedulerUnavailable.
        """
        path = ActivityQuery(agent_id, repo_id, worktree_id, task_id).path("/activity/stream")
        events, patience = ActivityEvents(after), Patience(self._retry_for_s)
        while True:
            try:
                yield from self._listen(path, events, patience)
            except (SchedulerUnreachable, SchedulerUnavailable) as failure:
                time.sleep(patience.pause_after(failure))

    def register(self, host: str, port: int, model: str) -> str:
        """Register the instance at this address; its ti_uuid. Raises RequestRefused where it cannot be reached."""
        return self._perform(calls.register(host, port, model))

    def remove(self, host: str, port: int) -> str:
        """Remove the instance at this address; its ti_uuid. What runs there finishes."""
        return self._perform(calls.remove(host, port))

    def set_strategy(self, name: str, model: str | None = None) -> str:
        """Choose the placement strategy: ShortestQueue, RoundRobin, Tail, ... (docs/placement.md) -> its name."""
        return self._perform(calls.set_strategy(name, model))

    def set_order(self, name: str, model: str | None = None) -> str:
        """Choose the order among equals in importance: priority, fair, shortest_predicted, deadline -> its name."""
        return self._perform(calls.set_order(name, model))

    def health(self) -> Health:
        """How the scheduler is. Raises SchedulerUnreachable."""
        return self._perform(calls.health())

    def close(self) -> None:
        """Close this thread's connection."""
        connection = self._kept()
        if connection:
            connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _perform(self, call: Call[T]) -> T:
        deadline = time.monotonic() + self._retry_for_s
        for delay in delays(0.1, 2.0):
            try:
                return calls.read_answer(call, *self._exchange(call))
            except (SchedulerUnreachable, SchedulerUnavailable) as failure:
                asked = failure.retry_after_s if isinstance(failure, SchedulerUnavailable) else 0.0
                pause = max(delay, asked)
                if not call.is_repeatable or time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
        raise AssertionError("delays never end")

    def _exchange(self, call: Call[Any]) -> tuple[int, str | None, bytes]:
        if not call.is_repeatable:
            self.close()  # an idle connection may have been closed by the server, and nothing could be sent again then
        connection = self._kept()
        try:
            if connection is not None:
                # Most likely the server closed the idle connection; a new one tells.
                with suppress(ConnectionError, http.client.HTTPException):
                    return self._send(connection, call)
            return self._send(self._connect(self._timeout_s), call)
        except (OSError, http.client.HTTPException) as failure:
            reason = getattr(failure, "strerror", None) or str(failure) or type(failure).__name__
            raise SchedulerUnreachable(f"no scheduler answers at {self.url}: {reason}") from None

    def _kept(self) -> http.client.HTTPConnection | None:
        """This thread's connection, which is not kept any longer; a forked process leaves its parent's to it."""
        process, connection = self._local.__dict__.pop("kept", (0, None))
        return connection if process == os.getpid() else None

    def _listen(self, path: str, events: ActivityEvents, patience: Patience) -> Iterator[ActivityChange]:
        connection = self._connect(max(self._timeout_s, SILENCE_S))
        try:
            connection.request("GET", self._parts.path + path, headers=events.headers)
            answer = connection.getresponse()
            if answer.status != 200:
                calls.read_answer(
                    Call("GET", path, dict), answer.status, answer.headers.get("Retry-After"), answer.read()
                )
            events.connect()
            patience.heard()
            while line := answer.readline():
                if change := events.take(line):
                    yield change
        except (OSError, http.client.HTTPException) as failure:
            raise SchedulerUnreachable(f"the stream of {self.url} broke: {failure or type(failure).__name__}") from None
        finally:
            connection.close()
        raise SchedulerUnreachable(f"the scheduler at {self.url} ended the stream")

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        assert self._parts.hostname
        return kind(self._parts.hostname, self._parts.port, timeout=timeout_s)

    def _send(self, connection: http.client.HTTPConnection, call: Call[Any]) -> tuple[int, str | None, bytes]:
        headers = {"Content-Type": "application/json"} if call.body is not None else {}
        try:
            connection.request(call.method, self._parts.path + call.path, call.body, headers)
            answer = connection.getresponse()
            body = answer.read()
        except BaseException:
            connection.close()
            raise
        if answer.will_close:
            connection.close()
        else:
            self._local.kept = os.getpid(), connection
        return answer.status, answer.headers.get("Retry-After"), body


def checked_address(url: str) -> SplitResult:
    """The parts of a scheduler's address, as far as they count. Raises ValueError where it is none."""
    whole = url if "://" in url else f"http://{url}"
    if not is_address(whole):
        raise ValueError(f"expected an address like {DEFAULT_URL}, got {url!r}")
    parts = urlsplit(whole)
    return parts._replace(path=parts.path.rstrip("/"), query="", fragment="")


def checked_times(timeout_s: float, retry_for_s: float) -> tuple[float, float]:
    """Both, as they can be used. Raises ValueError."""
    if not (isinstance(timeout_s, int | float) and timeout_s > 0):
        raise ValueError(f"timeout_s must be a number above 0, got {timeout_s!r}")
    if not (isinstance(retry_for_s, int | float) and retry_for_s >= 0):
        raise ValueError(f"retry_for_s must be a number of 0 or more, got {retry_for_s!r}")
    return min(timeout_s, LONGEST_TIMEOUT_S), retry_for_s
