"""Envelopes as the bytes that travel between our processes: a bundle is a JSON array of them.

Inside the service both ends are ours: decoding checks types. What producers send is read by `commands`.
"""

from __future__ import annotations

import msgspec

from actors.envelope import Envelope
from actors.envelope_json import decode_envelopes
from actors.messages import Message
from actors.messages.wire import MESSAGES


class MalformedBundle(ValueError):
    """The body says that it is a bundle and cannot be read as one."""


def decode_bundle(body: bytes) -> list[Envelope]:
    """The envelopes, in order. Raises MalformedBundle."""
    try:
        return decode_envelopes(body)
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedBundle(f"body: must be a bundle of envelopes: {error}") from error


def answer_json(answer: Message) -> bytes:
    """An answer as producers get it: its fields, with `type` in front."""
    name, body = MESSAGES.encode(answer)
    rest = body[1:] if body == b"{}" else b"," + body[1:]
    return b'{"type":"' + name.encode() + b'"' + rest
