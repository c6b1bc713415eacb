"""The courier to attached workers: errands become questions to them, carried by the broker.

The outcomes mean what they mean over HTTP: `unreachable` only where surely nothing was sent, because the worker
has no queue; `unknown` wherever it may have got the task.
"""

from __future__ import annotations

from contextlib import suppress
from typing import assert_never

from actors.addresses import worker
from actors.asker import AskerOfMany
from actors.courier import InstanceReport
from actors.couriers.starts import Starts
from actors.errands import (
    CancelOnInstance,
    Errand,
    PostCallback,
    ProbeInstance,
    PushToInstance,
    TellToLeave,
    YieldOnInstance,
)
from actors.errors import AnswerTimeout, BrokerUnavailable, NoSuchQueue, SwarmPilotError
from actors.messages import Message
from actors.messages.answers import Refused, TaskTaken, WorkerAlive, YieldNoted
from actors.messages.dispatcher import ProbeAnswered, PushAnswered, PushOutcome, YieldAnswered
from actors.messages.worker import LeaveAgent, PingWorker, StopTask, WorkerMessage, YieldTask
from actors.store import TaskReader

NOT_ATTACHED = "the worker is not attached"


class WorkerCourier:
    """Speaks to attached workers. Timeouts in seconds."""

    def __init__(
        self, asker: AskerOfMany, reader: TaskReader, *, shards: int, push_timeout_s: float, probe_timeout_s: float
    ) -> None:
        self._asker = asker
        self._starts = Starts(asker, reader, shards=shards, timeout_s=push_timeout_s)
        self._push_timeout_s = push_timeout_s
        self._probe_timeout_s = probe_timeout_s

    async def open(self) -> None:
        """Nothing to make ready: the broker is the service's."""

    async def close(self) -> None:
        """Nothing of its own is under way."""

    async def run(self, errand: Errand) -> Message | None:
        """Run the errand; see the port."""
        match errand:
            case PushToInstance():
                return await self._push(errand)
            case ProbeInstance():
                return await self._probe(errand)
            case CancelOnInstance():
                reason = "this run no longer counts"
                await self._tell(errand, StopTask(errand.task_id, errand.attempt, reason, errand.resumption))
                return None
            case YieldOnInstance():
                return await self._yield(errand)
            case TellToLeave():
                await self._tell(errand, LeaveAgent(errand.reason, errand.grace_ms))
                return None
            case PostCallback():
                raise TypeError("a callback goes to no worker")
            case _:
                assert_never(errand)

    async def discover(self, host: str, port: int) -> InstanceReport:
        """Workers are not found; they come."""
        raise TypeError("attached workers are not discovered")

    async def _push(self, errand: PushToInstance) -> PushAnswered:
        def answered(outcome: PushOutcome, detail: str = "") -> PushAnswered:
            return PushAnswered(errand.task_id, errand.attempt, outcome, detail, resumption=errand.resumption)

        try:
            answer = await self._starts.ask(errand)
        except NoSuchQueue:
            return answered("unreachable", NOT_ATTACHED)
        except SwarmPilotError as error:
            return answered("unknown", _say(error))
        match answer:
            case TaskTaken():
                return answered("accepted")
            case None:
                return answered("refused", "the task is not in the store")
            case Refused():
                return answered("refused", answer.reason)
            case _:
                return answered("unknown", f"answered by {type(answer).__name__}")

    async def _probe(self, errand: ProbeInstance) -> ProbeAnswered | None:
        """How the worker is; None where the broker is away, which says nothing about the worker."""
        try:
            answer = await self._asker.ask(worker(errand.endpoint.host), PingWorker(), timeout=self._probe_timeout_s)
        except NoSuchQueue:
            return ProbeAnswered(alive=False, detail=NOT_ATTACHED)
        except AnswerTimeout as error:
            return ProbeAnswered(alive=False, detail=_say(error))
        except BrokerUnavailable:
            return None
        if isinstance(answer, WorkerAlive):
            return ProbeAnswered(alive=True, uptime_s=answer.uptime_s)
        return ProbeAnswered(alive=False, detail=f"answered by {type(answer).__name__}")

    async def _yield(self, errand: YieldOnInstance) -> YieldAnswered:
        task_id, attempt, resumption = errand.task_id, errand.attempt, errand.resumption
        question = YieldTask(task_id, attempt, resumption, errand.reason, errand.grace_ms, errand.terminate)
        try:
            answer = await self._asker.ask(worker(errand.endpoint.host), question, timeout=self._push_timeout_s)
        except SwarmPilotError:
            return YieldAnswered(task_id, attempt, resumption, "unheard")
        if not isinstance(answer, YieldNoted):
            return YieldAnswered(task_id, attempt, resumption, "unheard")
        return YieldAnswered(
            task_id=task_id,
            attempt=attempt,
            resumption=resumption,
            outcome="noted" if answer.is_held else "gone",
            section=answer.section,
            deferred_ms=answer.deferred_ms,
        )

    async def _tell(self, errand: CancelOnInstance | TellToLeave, message: WorkerMessage) -> None:
        """Nothing hangs on whether the worker hears it: what it does about it no longer counts."""
        with suppress(SwarmPilotError):
            await self._asker.ask(worker(errand.endpoint.host), message, timeout=self._push_timeout_s)


def _say(error: SwarmPilotError) -> str:
    return "no answer in time" if isinstance(error, AnswerTimeout) else str(error)
