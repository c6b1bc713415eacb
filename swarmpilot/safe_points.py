"""What instances and workers have in common about giving way: how a run leaves at a safe point, and what it leaves."""

from __future__ import annotations

import msgspec

from actors.messages.tasks import CHECKPOINT_BYTES, CHECKPOINT_NESTING

_ENCODE = msgspec.json.Encoder().encode


class RunYielded(BaseException):
    """Unwinds a run from its safe point. Not an Exception, so that `except Exception` lets it pass, as one should."""


def is_yield(failure: BaseException) -> bool:
    """Whether it is the safe point's doing; of several tasks of a group, whether all of it is."""
    if isinstance(failure, BaseExceptionGroup):
        return failure.split(RunYielded)[1] is None
    return isinstance(failure, RunYielded)


def encode_checkpoint(checkpoint: object) -> bytes:
    """The checkpoint as JSON text. Raises TypeError where it is no JSON object, ValueError where it is too large.

    It runs at every safe point, so the depth is only looked at where there are brackets enough.
    """
    if not isinstance(checkpoint, dict):
        raise TypeError(f"checkpoint must be a dict, as it is kept as a JSON object; got {type(checkpoint).__name__}")
    for key in checkpoint:
        if not isinstance(key, str):
            raise TypeError(f"checkpoint must have texts for keys, as it is kept as a JSON object; got {key!r}")
    try:
        text = _ENCODE(checkpoint)
    except Exception as failure:
        raise TypeError(f"checkpoint must hold nothing that JSON cannot: {failure}") from failure
    if len(text) > CHECKPOINT_BYTES:
        raise ValueError(f"checkpoint must not be larger than {CHECKPOINT_BYTES} bytes as JSON, and has {len(text)}")
    brackets = text.count(b"{") + text.count(b"[")
    if brackets > CHECKPOINT_NESTING and _depth(msgspec.json.decode(text)) > CHECKPOINT_NESTING:
        raise ValueError(f"checkpoint must not be nested deeper than {CHECKPOINT_NESTING} levels")
    return text


def _depth(value: object) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max((_depth(part) for part in (value.values() if isinstance(value, dict) else value)), default=0)
