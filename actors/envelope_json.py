"""Envelopes and announcements as JSON: what outbox rows keep and what bundles consist of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from actors.addresses import Address, Kind, ReturnAddress
from actors.envelope import Announcement, Envelope
from actors.messages.wire import MESSAGES

Parcel: TypeAlias = Envelope | Announcement

BUNDLE_TYPE = "application/vnd.swarmpilot.bundle+json"
"""Content type of a bundle on a broker; a message with any other is a producer's, or an answer to one."""


class _Return(msgspec.Struct, array_like=True, frozen=True):
    kind: Kind
    key: str
    correlation: str


class _Envelope(msgspec.Struct, array_like=True, frozen=True):
    id: str
    kind: Kind
    key: str
    reply_to: _Return | None
    store_id: str
    name: str
    body: msgspec.Raw


class _Announcement(msgspec.Struct, frozen=True):
    id: str
    topic: str
    facts: msgspec.Raw


_encode = msgspec.json.Encoder().encode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_envelopes = msgspec.json.Decoder(list[_Envelope]).decode
_decode_parcels = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_announcement = msgspec.json.Decoder(_Announcement).decode


def encode_envelope(envelope: Envelope) -> bytes:
    """One envelope, as a JSON array."""
    name, body = MESSAGES.encode(envelope.message)
    back = envelope.reply_to
    reply_to = None if back is None else _Return(back.to.kind, back.to.key, back.correlation)
    to = envelope.to
    return _encode(_Envelope(envelope.id, to.kind, to.key, reply_to, envelope.store_id, name, msgspec.Raw(body)))


def join_envelopes(encoded: Sequence[bytes]) -> bytes:
    """A bundle of encoded envelopes."""
    return b"[" + b",".join(encoded) + b"]"


def decode_envelopes(body: bytes) -> list[Envelope]:
    """The envelopes of a bundle, in order. Raises msgspec.MsgspecError or ValueError."""
    return [_open(wire) for wire in _decode_envelopes(body)]


def encode_parcels(parcels: Sequence[Parcel]) -> bytes:
    """What leaves the process, as an outbox row keeps it: an announcement is a JSON object, an envelope an array."""
    return join_envelopes([_encode_parcel(parcel) for parcel in parcels])


def decode_parcels(body: bytes) -> list[Parcel]:
    """What an outbox row keeps. Raises msgspec.MsgspecError or ValueError."""
    return [_decode_parcel(bytes(raw)) for raw in _decode_parcels(body)]


def decode_envelope(body: bytes) -> Envelope:
    """One envelope. Raises msgspec.MsgspecError or ValueError."""
    return _open(_decode_envelope(body))


def _encode_parcel(parcel: Parcel) -> bytes:
    if isinstance(parcel, Announcement):
        return _encode(_Announcement(parcel.id, parcel.topic, msgspec.Raw(parcel.body)))
    return encode_envelope(parcel)


def _decode_parcel(body: bytes) -> Parcel:
    if body.startswith(b"{"):
        stored = _decode_announcement(body)
        return Announcement(stored.id, stored.topic, bytes(stored.facts))
    return _open(_decode_envelope(body))


def _open(wire: _Envelope) -> Envelope:
    back = wire.reply_to
    return Envelope(
        wire.id,
        Address(wire.kind, wire.key),
        MESSAGES.decode(wire.name, wire.body),
        None if back is None else ReturnAddress(Address(back.kind, back.key), back.correlation),
        wire.store_id,
    )
