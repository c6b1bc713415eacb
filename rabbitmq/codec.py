"""Envelopes as the bytes that travel between our processes: a bundle is a JSON array of them.

Inside the service both ends are ours: decoding checks types. What producers send is read by `commands`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors.addresses import Address, Kind, ReturnAddress
from actors.envelope import Envelope
from actors.messages import Message
from actors.messages.wire import MESSAGES

BUNDLE_TYPE = "application/vnd.swarmpilot.bundle+json"
"""Content type of our bundles; a message with any other is a producer's."""


class MalformedBundle(ValueError):
    """The body says that it is a bundle and cannot be read as one."""


class _Return(msgspec.Struct, array_like=True, frozen=True):
    kind: Kind
    key: str
    correlation: str


class _Wire(msgspec.Struct, array_like=True, frozen=True):
    id: str
    kind: Kind
    key: str
    reply_to: _Return | None
    name: str
    body: msgspec.Raw


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[_Wire])


def encode_envelope(envelope: Envelope) -> bytes:
    """One element of a bundle."""
    name, body = MESSAGES.encode(envelope.message)
    back = envelope.reply_to
    reply_to = None if back is None else _Return(back.to.kind, back.to.key, back.correlation)
    return _encoder.encode(_Wire(envelope.id, envelope.to.kind, envelope.to.key, reply_to, name, msgspec.Raw(body)))


def join_bundle(elements: Sequence[bytes]) -> bytes:
    """The bundle of these elements."""
    return b"[" + b",".join(elements) + b"]"


def decode_bundle(body: bytes) -> list[Envelope]:
    """The envelopes, in order. Raises MalformedBundle."""
    try:
        return [_envelope(wire) for wire in _decoder.decode(body)]
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedBundle(f"body: must be a bundle of envelopes: {error}") from error


def answer_json(answer: Message) -> bytes:
    """An answer as producers get it: its fields, with `type` in front."""
    name, body = MESSAGES.encode(answer)
    rest = body[1:] if body == b"{}" else b"," + body[1:]
    return b'{"type":"' + name.encode() + b'"' + rest


def _envelope(wire: _Wire) -> Envelope:
    back = wire.reply_to
    return Envelope(
        wire.id,
        Address(wire.kind, wire.key),
        MESSAGES.decode(wire.name, wire.body),
        None if back is None else ReturnAddress(Address(back.kind, back.key), back.correlation),
    )
