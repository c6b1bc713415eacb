"""The courier to attached workers: errands become questions to them, carried by the broker.

The outcomes mean what they mean over HTTP: `unreachable` only where surely nothing was sent, because the worker
has no queue; `unknown` wherever it may have got the task.
"""

from __future__ import annotations

from typing import assert_never

from actors.addresses import dispatcher, queue_of, worker
from actors.asker import Asker
from actors.courier import InstanceReport
from actors.errands import CancelOnInstance, Errand, PostCallback, ProbeInstance, PushToInstance
from actors.errors import AnswerTimeout, BrokerUnavailable, NoSuchQueue, SwarmPilotError
from actors.messages import Message
from actors.messages.answers import Refused, TaskTaken, WorkerAlive
from actors.messages.dispatcher import ProbeAnswered, PushAnswered
from actors.messages.worker import PingWorker, StartTask, StopTask
from actors.store import TaskReader

NOT_ATTACHED = "the worker is not attached"


class WorkerCourier:
    """Speaks to attached workers. Timeouts in seconds."""

    def __init__(
        self, asker: Asker, reader: TaskReader, *, shards: int, push_timeout_s: float, probe_timeout_s: float
    ) -> None:
        self._asker = asker
        self._reader = reader
        self._shards = shards
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
                await self._cancel(errand)
                return None
            case PostCallback():
                raise TypeError("a callback goes to no worker")
            case _:
                assert_never(errand)

    async def discover(self, host: str, port: int) -> InstanceReport:
        """Workers are not found; they come."""
        raise TypeError("attached workers are not discovered")

    async def _push(self, errand: PushToInstance) -> PushAnswered:
        task_id, attempt = errand.task_id, errand.attempt
        try:
            start = await self._start(errand)
            if start is None:
                return PushAnswered(task_id, attempt, "refused", "the task is not in the store")
            answer = await self._asker.ask(worker(errand.endpoint.host), start, timeout=self._push_timeout_s)
        except NoSuchQueue:
            return PushAnswered(task_id, attempt, "unreachable", NOT_ATTACHED)
        except SwarmPilotError as error:
            return PushAnswered(task_id, attempt, "unknown", _say(error))
        match answer:
            case TaskTaken():
                return PushAnswered(task_id, attempt, "accepted")
            case Refused():
                return PushAnswered(task_id, attempt, "refused", answer.reason)
            case _:
                return PushAnswered(task_id, attempt, "unknown", f"answered by {type(answer).__name__}")

    async def _start(self, errand: PushToInstance) -> StartTask | None:
        row = await self._reader.task(errand.task_id)
        task = await self._reader.payload(errand.task_id, "input")
        if row is None or task is None:
            return None
        return StartTask(
            task_id=errand.task_id,
            attempt=errand.attempt,
            agent_id=row.agent_id,
            model_name=row.model_name,
            input=task.body,
            content_type=task.content_type,
            metadata=task.metadata,
            ti_uuid=row.scheduled_ti,
            report_queue=queue_of(dispatcher(row.scheduled_ti), self._shards),
        )

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

    async def _cancel(self, errand: CancelOnInstance) -> None:
        stop = StopTask(errand.task_id, errand.attempt, "this attempt no longer counts")
        try:
            await self._asker.ask(worker(errand.endpoint.host), stop, timeout=self._push_timeout_s)
        except SwarmPilotError:
            return  # the attempt no longer counts, so nothing hangs on whether the worker heard it


def _say(error: SwarmPilotError) -> str:
    return "no answer in time" if isinstance(error, AnswerTimeout) else str(error)
