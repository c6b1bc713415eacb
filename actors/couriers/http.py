"""The courier over HTTP: every errand to TaskInstances and webhooks ends in an outcome, never in an exception.

What an outcome of a push means is the promise here: `unreachable` only where not a byte of the request was
sent, `unknown` wherever the instance may have got it.
"""

from __future__ import annotations

import time
from functools import lru_cache, partial
from io import BytesIO
from typing import assert_never
from urllib.parse import quote

import aiohttp
import structlog
from msgspec.structs import replace
from yarl import URL

from actors.courier import InstanceReport, InstanceUnreachable
from actors.couriers.bodies import cancel_body, idempotency_key, push_body, push_head, whole_push, yield_body
from actors.couriers.checkpoints import checkpoint_for
from actors.couriers.instance_answers import describe, read_object, read_push, read_report, read_uptime, read_yield
from actors.couriers.kept_connections import IDLE_S, KeptConnections, NotSent
from actors.errands import (
    CancelOnInstance,
    Endpoint,
    Errand,
    PostCallback,
    ProbeInstance,
    PushToInstance,
    TellToLeave,
    YieldOnInstance,
)
from actors.errors import SwarmPilotError
from actors.messages import Message
from actors.messages.agent import CallbackAnswered
from actors.messages.dispatcher import ProbeAnswered, PushAnswered, YieldAnswered
from actors.messages.tasks import CHECKPOINT_BYTES
from actors.store import TaskReader
from actors.task_record import record_of

UNREACHABLE = "Connection failed: Unable to reach host"
"""The guide's text for an instance that cannot be registered ("Connection Failed")."""

_JSON = "application/json"
_MOST_ANSWER_BYTES = 64 * 1024
_MOST_YIELD_BYTES = CHECKPOINT_BYTES + _MOST_ANSWER_BYTES
_LARGE_BODY_BYTES = 512 * 1024
_CONNECT_SHARE = 0.8

_NOT_SENT = (NotSent, aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL, ValueError)
_FAILED = (aiohttp.ClientError, TimeoutError, OSError, ValueError, SwarmPilotError)

log = structlog.get_logger(__name__)


class HttpCourier:
    """Speaks to TaskInstances and webhooks. Timeouts in seconds, each for the whole of one errand."""

    def __init__(
        self,
        reader: TaskReader,
        *,
        push_timeout_s: float = 10.0,
        probe_timeout_s: float = 2.0,
        callback_timeout_s: float = 10.0,
    ) -> None:
        self._reader = reader
        self._push_timeout = _timeout(push_timeout_s)
        self._probe_timeout = _timeout(probe_timeout_s)
        self._callback_timeout = _timeout(callback_timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._pushing = KeptConnections(push_timeout_s, push_timeout_s * _CONNECT_SHARE, _MOST_ANSWER_BYTES)

    async def open(self) -> None:
        """Make ready: one session, so that connections are kept and used again."""
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=0, keepalive_timeout=IDLE_S)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def close(self) -> None:
        """Abandon what is under way; its outcome is unknown."""
        self._pushing.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def run(self, errand: Errand) -> Message | None:
        """Run the errand; see the port."""
        match errand:
            case PushToInstance():
                return await self._push(errand)
            case ProbeInstance():
                return await self._probe(errand.endpoint)
            case CancelOnInstance():
                await self._cancel(errand)
                return None
            case YieldOnInstance():
                return await self._ask_to_yield(errand)
            case TellToLeave():
                raise TypeError("an instance over HTTP belongs to no agent that it could leave")
            case PostCallback():
                return await self._call_back(errand)
            case _:
                assert_never(errand)

    async def discover(self, host: str, port: int) -> InstanceReport:
        """Probe `/info`, then the older `/status`; the one that answers tells the generation."""
        refusals = []
        for endpoint, path in ((Endpoint(host, port, "submit"), "/info"), (Endpoint(host, port, "enqueue"), "/status")):
            try:
                status, body = await self._get(endpoint, path)
            except _FAILED as error:
                raise InstanceUnreachable(UNREACHABLE) from error
            answer = read_object(body) if status == 200 else None
            if answer is not None:
                return read_report(endpoint, answer)
            refusals.append(f"GET {path} answered {describe(status, body)}")
        raise InstanceUnreachable(f"Connection failed: not a TaskInstance: {'; '.join(refusals)}")

    async def _push(self, errand: PushToInstance) -> PushAnswered:
        answered = partial(PushAnswered, errand.task_id, errand.attempt, resumption=errand.resumption)
        try:
            task = await self._reader.payload(errand.task_id, "input")
            if task is None:
                return answered("refused", "the task's input is not in the store")
            host, port, head = _push_head(errand.endpoint)
            body = push_body(errand, task, await checkpoint_for(self._reader, errand))
            sent_at = time.time()
            status, answer = await self._pushing.send(host, port, whole_push(head, idempotency_key(errand), body))
        except _NOT_SENT as error:
            return answered("unreachable", _say(error))
        except _FAILED as error:
            return answered("unknown", _say(error))
        return replace(read_push(errand, status, answer), sent_at=sent_at)

    async def _probe(self, endpoint: Endpoint) -> ProbeAnswered:
        path = "/info" if endpoint.protocol == "submit" else "/status"
        try:
            status, body = await self._get(endpoint, path)
        except _FAILED as error:
            return ProbeAnswered(alive=False, detail=_say(error))
        answer = read_object(body) if 200 <= status < 300 else None
        if answer is None:
            return ProbeAnswered(alive=False, detail=f"GET {path} answered {describe(status, body)}")
        return ProbeAnswered(alive=True, uptime_s=read_uptime(answer))

    async def _cancel(self, errand: CancelOnInstance) -> None:
        try:
            await self._tell(errand, "cancel", cancel_body(errand))
        except _FAILED:
            return  # the run no longer counts, so nothing hangs on whether the instance heard it

    async def _ask_to_yield(self, errand: YieldOnInstance) -> YieldAnswered:
        try:
            return read_yield(errand, *await self._tell(errand, "preempt", yield_body(errand), _MOST_YIELD_BYTES))
        except _FAILED as error:
            log.warning(
                "an instance did not take a request to give way",
                task_id=errand.task_id,
                host=errand.endpoint.host,
                port=errand.endpoint.port,
                reason=_say(error),
            )
            return YieldAnswered(errand.task_id, errand.attempt, errand.resumption, "unheard")

    async def _tell(
        self, run: CancelOnInstance | YieldOnInstance, what: str, body: bytes, most: int = _MOST_ANSWER_BYTES
    ) -> tuple[int, bytes]:
        path = f"/task/{quote(run.task_id, safe='')}/{what}"
        url = _url(run.endpoint.host, run.endpoint.port, "/").join(URL(path, encoded=True))
        headers = {"Content-Type": _JSON, "Idempotency-Key": idempotency_key(run)}
        return await self._post(url, body, headers, self._push_timeout, most)

    async def _call_back(self, errand: PostCallback) -> CallbackAnswered:
        task_id = errand.task_id
        try:
            url = URL(errand.url)
            if url.scheme not in ("http", "https") or not url.host:
                return CallbackAnswered(task_id, False, f"not an http or https URL: {errand.url[:200]}")
            row = await self._reader.task(task_id)
            if row is None:
                return CallbackAnswered(task_id, False, "the task is not in the store")
            record = record_of(row, await self._reader.payload(task_id, "result"))
            status, body = await self._post(url, record, {"Content-Type": _JSON}, self._callback_timeout)
        except _FAILED as error:
            return CallbackAnswered(task_id, False, _say(error))
        is_delivered = 200 <= status < 300
        return CallbackAnswered(task_id, is_delivered, "" if is_delivered else describe(status, body))

    async def _get(self, endpoint: Endpoint, path: str) -> tuple[int, bytes]:
        url = _url(endpoint.host, endpoint.port, path)
        async with self._opened().get(url, timeout=self._probe_timeout, allow_redirects=False) as response:
            return response.status, await _read(response)

    async def _post(
        self,
        url: URL,
        body: bytes,
        headers: dict[str, str],
        timeout: aiohttp.ClientTimeout,
        most: int = _MOST_ANSWER_BYTES,
    ) -> tuple[int, bytes]:
        data = body if len(body) < _LARGE_BODY_BYTES else BytesIO(body)
        async with self._opened().post(
            url, data=data, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            return response.status, await _read(response, most)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise aiohttp.ClientConnectionError("the courier is closed")
        return self._session


def _timeout(total_s: float) -> aiohttp.ClientTimeout:
    # Connecting ends before the whole does, so that "nothing was sent" is told from "no answer". It is the
    # time of a new connection only: `connect` would also cover looking up names, for 10 us more a request.
    return aiohttp.ClientTimeout(total=total_s, sock_connect=total_s * _CONNECT_SHARE)


@lru_cache(maxsize=4096)
def _url(host: str, port: int, path: str) -> URL:
    return URL.build(scheme="http", host=host, port=port, path=path)


@lru_cache(maxsize=4096)
def _push_head(endpoint: Endpoint) -> tuple[str, int, bytes]:
    """Host and port to connect to, and the beginning of every push there. Raises ValueError for no host."""
    url = _url(endpoint.host, endpoint.port, "/queue/submit" if endpoint.protocol == "submit" else "/queue/enqueue")
    if not url.raw_host:
        raise ValueError(f"not a host: {endpoint.host}")
    return url.raw_host, endpoint.port, push_head(url.host_port_subcomponent or url.raw_host, url.raw_path)


async def _read(response: aiohttp.ClientResponse, most: int = _MOST_ANSWER_BYTES) -> bytes:
    """The answer's text, as far as anybody could want it; more of it is not waited for."""
    if response.content_length is not None and response.content_length <= most:
        return await response.read()
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            response.close()
            break
    return bytes(body)


def _say(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
