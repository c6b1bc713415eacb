"""A worker's connection over the gateway's WebSocket: each frame is a JSON array of envelopes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import msgspec

from actors.addresses import worker
from actors.envelope import Envelope
from actors.envelope_json import decode_envelopes, encode_envelope, join_envelopes
from swarmpilot.addresses import is_address
from swarmpilot.worker.conversation import Carry, Conversation, Disconnected, Handle

PATH = "/workers/attach"
CONNECT_TIMEOUT_S = 10.0
HEARTBEAT_S = 10.0
"""How often the gateway is pinged; without an answer after half of it the connection is given up."""


class WebSocketTransport:
    """Connects to the scheduler at `url`, its REST address. Raises ValueError where that is none."""

    def __init__(self, url: str, worker_id: str) -> None:
        self._url = attach_url(url)
        self._me = worker(worker_id)

    def __str__(self) -> str:
        return self._url

    @asynccontextmanager
    async def connected(self, handle: Handle) -> AsyncIterator[Conversation]:
        """A new connection; see the protocol."""
        async with aiohttp.ClientSession() as session:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    # No limit to a frame: an input is as large as the scheduler has taken it.
                    socket = await session.ws_connect(self._url, heartbeat=HEARTBEAT_S, max_msg_size=0)
            except TimeoutError:
                raise Disconnected(f"{self._url} did not answer in time") from None
            except (aiohttp.ClientError, OSError) as failure:
                raise Disconnected(f"no scheduler at {self._url}: {failure or type(failure).__name__}") from None
            async with socket:
                conversation = Conversation(self._me, _carry_over(socket), handle)
                reading = asyncio.create_task(_read(socket, conversation))
                try:
                    yield conversation
                finally:
                    reading.cancel()
                    await asyncio.wait({reading})
                    conversation.end("disconnected")


def attach_url(url: str) -> str:
    """The WebSocket's address at a scheduler. Raises ValueError."""
    scheme, _, rest = url.partition("://") if "://" in url else ("http", "://", url)
    schemes = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
    if scheme.lower() not in schemes or not is_address(f"http://{rest}"):
        raise ValueError(f"url: must be like http://127.0.0.1:8102, got {url!r}")
    parts = urlsplit(f"http://{rest}")
    return urlunsplit((schemes[scheme.lower()], parts.netloc, parts.path.rstrip("/") + PATH, "", ""))


async def _read(socket: aiohttp.ClientWebSocketResponse, conversation: Conversation) -> None:
    reason = "the connection was lost"
    try:
        while True:
            frame = await socket.receive()
            if frame.type is aiohttp.WSMsgType.CLOSE:
                reason = f"the scheduler closed the connection ({frame.data}): {frame.extra or 'it is being stopped'}"
            if frame.type is not aiohttp.WSMsgType.TEXT:
                return
            for envelope in decode_envelopes(frame.data.encode()):
                await conversation.take(envelope)
    except (msgspec.MsgspecError, ValueError) as failure:
        reason = f"the scheduler sent what is no frame: {failure}"
    except Disconnected as failure:
        reason = str(failure)
    finally:
        conversation.end(reason)


def _carry_over(socket: aiohttp.ClientWebSocketResponse) -> Carry:
    async def carry(envelope: Envelope, queue: str) -> None:
        try:
            await socket.send_str(join_envelopes([encode_envelope(envelope)]).decode())
        except (aiohttp.ClientError, ConnectionError) as failure:
            raise Disconnected(str(failure) or type(failure).__name__) from None

    return carry
