"""Deliveries taken off the wire as the bytes arrive; all else that the broker says goes on to aiormq.

aiormq reads a frame at a time, each with several awaits, and starts a task for each message: about 200 µs for one that
is read here in a tenth of that. Only what comes for a subscription is taken: basic.deliver, with the content that
follows it, on a channel that has a taker. Source: AMQP 0-9-1, 2.3.5 (frames), 2.3.5.2 (content), 1.8.3.14 (deliver).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import Any, Final, NamedTuple

from aiormq.connection import SSLContextProvider, TransportFactory
from aiormq.exceptions import AMQPConnectionError
from pamqp.commands import Basic
from pamqp.header import ContentHeader
from yarl import URL

_FRAME: Final = Struct(">BHI")
_METHOD, _HEADER, _BODY, _HEARTBEAT = 1, 2, 3, 8
_END: Final = 0xCE
_OVERHEAD: Final = _FRAME.size + 1
_DELIVER: Final = b"\x00\x3c\x00\x3c"
_CLOSE: Final = b"\x00\x0a\x00\x32"
_BLOCKED, _UNBLOCKED = b"\x00\x0a\x00\x3c", b"\x00\x0a\x00\x3d"
_CODE_AND_LENGTH: Final = Struct(">HB")
_TAG: Final = Struct(">Q?")
_SIZE: Final = Struct(">Q")
_PROPERTIES_AT: Final = 12
_ALIVE: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"
ALIVE_EVERY_S = 1.0
"""How often aiormq is told that the broker lives, while all that comes is taken here: no heartbeat comes then."""
REMEMBERED_BYTES = 256
"""Properties no longer than this are remembered by their bytes: most messages of a queue have the same."""


class Delivered(NamedTuple):
    """One message as it was delivered. `fault` says why its properties cannot be read, "" where they can."""

    tag: int
    redelivered: bool
    routing_key: str
    properties: Basic.Properties
    body: bytes
    fault: str = ""


Taker = Callable[[Delivered], None]

Told = Callable[[str], None]
"""Of why the broker takes no messages for now; "" once it does again."""


@dataclass(slots=True)
class _Content:
    """A message of which not all has arrived."""

    method: bytes
    properties: bytes = b""
    missing: int = 0
    parts: list[bytes] | None = None


class Deliveries(asyncio.StreamReaderProtocol):
    """The receiving end of a connection. Hands on what is nobody's here.

    `closed`: the code and the text with which the broker has ended the connection (connection.close).
    `blocked`: why the broker takes no messages over it for now, "" where it does.
    `on_block` is told of connection.blocked and unblocked, RabbitMQ's own.
    """

    def __init__(
        self, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop, on_block: Told = lambda _: None
    ) -> None:
        super().__init__(reader, loop=loop)
        self.closed: tuple[int, str] | None = None
        self.blocked = ""
        self._on_block = on_block
        self._clock = loop.time
        self._takers: dict[int, Taker] = {}
        self._begun: dict[int, _Content] = {}
        self._rest = b""
        self._is_strange = False
        self._handed_on_at = 0.0

    def take(self, channel: int, taker: Taker) -> None:
        """Give what is delivered on this channel from now on to the taker, which must not raise."""
        self._takers[channel] = taker
        self._begun.pop(channel, None)

    def leave(self, channel: int, taker: Taker) -> None:
        """The channel is closed; nothing happens where its number is another's by now."""
        if self._takers.get(channel) == taker:
            del self._takers[channel]
            self._begun.pop(channel, None)

    def data_received(self, data: bytes) -> None:
        """Take whole frames, and keep the beginning of one."""
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while end - at >= _OVERHEAD and not self._is_strange:
            kind, channel, size = _FRAME.unpack_from(data, at)
            stop = at + _OVERHEAD + size
            if kind not in (_METHOD, _HEADER, _BODY, _HEARTBEAT):
                self._is_strange = True  # no frame of this protocol: aiormq says what is wrong
                break
            if stop > end:
                break
            if channel not in self._takers or not self._takes(kind, channel, data[at + _FRAME.size : stop - 1]):
                if channel == 0 and kind == _METHOD:
                    self._note(data[at + _FRAME.size : stop - 1])
                self._hand_on(data[at:stop])
            at = stop
        self._rest = data[at:]
        if self._is_strange and self._rest:
            self._rest, strange = b"", self._rest
            self._hand_on(strange)
        elif end and self._clock() - self._handed_on_at > ALIVE_EVERY_S and self._takers:
            self._hand_on(_ALIVE)

    def _note(self, payload: bytes) -> None:
        if payload.startswith(_BLOCKED):
            self.blocked = payload[len(_BLOCKED) + 1 :].decode("utf-8", "replace") or "no reason given"
            self._on_block(self.blocked)
        elif payload.startswith(_UNBLOCKED):
            self.blocked = ""
            self._on_block(self.blocked)
        elif payload.startswith(_CLOSE):
            code, length = _CODE_AND_LENGTH.unpack_from(payload, len(_CLOSE))
            at = len(_CLOSE) + _CODE_AND_LENGTH.size
            self.closed = code, payload[at : at + length].decode("utf-8", "replace")

    def _hand_on(self, frame: bytes) -> None:
        self._handed_on_at = self._clock()
        super().data_received(frame)

    def _takes(self, kind: int, channel: int, payload: bytes) -> bool:
        """Whether the frame is part of a delivery."""
        if kind == _METHOD:
            if not payload.startswith(_DELIVER):
                return False
            self._begun[channel] = _Content(payload)
            return True
        content = self._begun.get(channel)
        if content is None:
            return False
        if kind == _HEADER:
            [content.missing] = _SIZE.unpack_from(payload, 4)
            content.properties, content.parts = payload[_PROPERTIES_AT:], []
        elif content.parts is not None:
            content.parts.append(payload)
            content.missing -= len(payload)
        if content.parts is not None and content.missing <= 0:
            del self._begun[channel]
            self._takers[channel](_delivered(content.method, content.properties, b"".join(content.parts)))
        return True


class TakingTransport(TransportFactory):
    """Makes the transport of one connection, with `deliveries` at its receiving end."""

    def __init__(self, on_block: Told = lambda _: None) -> None:
        self.deliveries: Deliveries | None = None
        self._on_block = on_block

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect, over TLS for amqps. Raises AMQPConnectionError."""
        provider: SSLContextProvider = kwargs.pop("ssl_context_provider")
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = self.deliveries = Deliveries(reader, loop, self._on_block)
        tls = await provider.get_context() if url.scheme == "amqps" else None
        try:
            transport, _ = await loop.create_connection(
                lambda: protocol, url.host or "", url.port or 0, ssl=tls, **kwargs
            )
        except OSError as error:
            raise AMQPConnectionError(*error.args) from error
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def _delivered(method: bytes, properties: bytes, body: bytes) -> Delivered:
    at = 5 + method[4]  # class, method, consumer tag
    tag, redelivered = _TAG.unpack_from(method, at)
    at += _TAG.size
    at += 1 + method[at]  # exchange
    routing_key = method[at + 1 : at + 1 + method[at]].decode("utf-8", "replace")
    read = _known_properties if len(properties) <= REMEMBERED_BYTES else _read_properties
    try:
        return Delivered(tag, redelivered, routing_key, read(properties), body)
    except Exception as error:  # pamqp fails in many ways at a stranger's headers
        fault = f"properties: cannot be read: {error!r}"
        return Delivered(tag, redelivered, routing_key, Basic.Properties(), body, fault)


def _read_properties(raw: bytes) -> Basic.Properties:
    header = ContentHeader()
    header.unmarshal(bytes(_PROPERTIES_AT) + raw)
    return header.properties


_known_properties = lru_cache(maxsize=1024)(_read_properties)
