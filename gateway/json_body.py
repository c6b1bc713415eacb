"""Bytes from strangers to JSON values: strict UTF-8, no NaN, bounded nesting, and errors that say where."""

from __future__ import annotations

import json
import re
from typing import Any, Final, TypeVar

import msgspec

from gateway.bad_request import MalformedJson

T = TypeVar("T")

MAX_NESTING: Final = 32

_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKETS = bytes.maketrans(b"{}[]", b"()()")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def decode_json(body: bytes | msgspec.Raw) -> Any:
    """The JSON value. Raises MalformedJson."""
    try:
        return decode_as(_ANY, body)
    except msgspec.ValidationError as error:
        raise MalformedJson(f"malformed JSON: {error}") from None


def decode_part(part: bytes, whole: bytes) -> Any:
    """The JSON value of a part that was cut out of `whole` unread. Raises MalformedJson, with places in `whole`."""
    try:
        return decode_json(part)
    except MalformedJson:
        decode_json(whole)
        raise


def decode_as(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    """The JSON value as the decoder's type.

    Raises MalformedJson, and msgspec.ValidationError where it is sound JSON of another type.
    """
    check_nesting(bytes(body))
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(_why(bytes(body), error)) from None


def check_nesting(body: bytes) -> None:
    """Raises MalformedJson where arrays and objects are nested more than 32 levels deep."""
    if body.count(b"[") + body.count(b"{") <= MAX_NESTING:
        return
    skeleton = _STRINGS.sub(b"", body).translate(_BRACKETS, _NOT_BRACKETS)
    # Each pass takes the innermost level away: as many passes as levels, each at the speed of memcpy.
    for _ in range(MAX_NESTING):
        skeleton = skeleton.replace(b"()", b"")
    if b"(" in skeleton:
        raise MalformedJson(f"the JSON body must not be nested deeper than {MAX_NESTING} levels")


def canonical(value: object) -> bytes:
    """The value as JSON with its keys sorted: equal for equal content, however it was written down."""
    return msgspec.json.encode(value, order="sorted")


def _why(body: bytes, error: Exception) -> str:
    if not body.strip():
        return "the body is empty: a JSON object is expected"
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return f"the body must be UTF-8: byte {body[wrong.start]:#04x} at position {wrong.start} is not"
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as wrong:
        return f"malformed JSON at line {wrong.lineno} column {wrong.colno} (position {wrong.pos}): {wrong.msg}"
    except (ValueError, RecursionError) as wrong:
        return f"malformed JSON: {wrong}"
    if re.search(r"\\u[dD][89a-fA-F]", text):
        return "malformed JSON: a string holds half of a surrogate pair (\\ud800 to \\udfff), which is no character"
    return f"malformed JSON: {error}"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
