"""Those who ask the service from outside: clients, and instances that report. They repeat what was not answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from actors.addresses import SCHEDULER, agent
from actors.errors import SwarmPilotError
from actors.messages import Answer, Message
from actors.messages.answers import Refused, TaskAccepted
from actors.messages.scheduler import SubmitTask
from actors.stores.sqlite import reads
from tests.deterministic.node import Node
from tests.deterministic.plan import Operation
from tests.deterministic.processes import Processes
from tests.deterministic.runs import Run
from tests.deterministic.store import Database
from tests.deterministic.virtual_loop import VirtualLoop
from tests.properties.one_process import Request

PATIENCE_S = 7.0
"""How long a client waits for an answer before it asks elsewhere (s)."""

PAUSE_S = 0.5
LATENCY_S = 0.002


class Clients:
    """All of them. `requests` is what they wanted and were told first."""

    def __init__(
        self,
        loop: VirtualLoop,
        processes: Processes,
        database: Database,
        chance: Random,
        wrong: Callable[[str], None],
    ) -> None:
        self.requests: list[Request] = []
        self.happened: Counter[str] = Counter()
        self._loop = loop
        self._processes = processes
        self._database = database
        self._chance = chance
        self._wrong = wrong
        self._waiting: dict[int, str] = {}

    @property
    def waiting(self) -> list[str]:
        """What has not been answered yet."""
        return sorted(self._waiting.values())

    def begin(self, operation: Operation) -> None:
        """Ask, and repeat it until there is an answer."""
        self._loop.spawn(self._carry_out(operation.to, operation.message, operation.loses))

    def furnish(self, operations: Sequence[Operation]) -> None:
        """Ask for what there was at the start once more."""
        for operation in operations:
            self._loop.spawn(self._carry_out(operation.to, operation.message, 0))

    async def ask(self, message: Message) -> Request:
        """Of the scheduler, until there is an answer."""
        return await self._carry_out("scheduler", message, 0)

    async def report(self, run: Run) -> bool:
        """Whether any process took the report in."""
        node = self._choose()
        if node is None:
            return False
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await node.process.serve(lambda: node.report(run), LATENCY_S)
        except AssertionError as error:
            self._wrong(str(error))
            return False
        except (SwarmPilotError, TimeoutError):
            return False

    async def _carry_out(self, to: str, message: Message, loses: int) -> Request:
        request, number = Request(message), len(self.requests)
        self.requests.append(request)
        self._waiting[number] = type(message).__name__
        while True:
            answer = await self._ask_once(to, message)
            if answer is None:
                await asyncio.sleep(PAUSE_S)
                continue
            self._check(message, answer, request.answer)
            request.answer = request.answer or answer
            if loses == 0:
                break
            loses -= 1
            self.happened["answer lost by the client"] += 1
            await asyncio.sleep(PAUSE_S)
        del self._waiting[number]
        return request

    async def _ask_once(self, to: str, message: Message) -> Answer | None:
        node = self._choose()
        if node is None:
            return None
        address = SCHEDULER if to == "scheduler" else agent(to)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await node.process.serve(lambda: node.ask(address, message), LATENCY_S)
        except (SwarmPilotError, TimeoutError):
            return None

    def _choose(self) -> Node | None:
        nodes = self._processes.serving
        return self._chance.choice(nodes) if nodes else None

    def _check(self, message: Message, answer: Answer, before: Answer | None) -> None:
        """What was acknowledged is in the record, and stays acknowledged."""
        if not isinstance(message, SubmitTask):
            return
        task_id = message.spec.task_id
        if isinstance(answer, TaskAccepted):
            row = self._database.run(reads.task, task_id)
            if row is None or row.digest != message.spec.digest:
                self._wrong(f"{task_id} was acknowledged, and is not in the record")
        elif isinstance(before, TaskAccepted):
            self._wrong(f"{task_id} was acknowledged, and then answered by {answer}")
        elif not isinstance(answer, Refused):
            self._wrong(f"{task_id} was answered by {answer}")
