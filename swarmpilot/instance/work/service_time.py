"""How long a simulated task takes, read from its input: a stated time, or a language model's token counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

INPUT_TOKEN_MS = 0.2
OUTPUT_TOKEN_MS = 20.0

# The first field that is present counts; several traces and APIs name the same thing.
INPUT_FIELDS = ("input_tokens", "prompt_tokens", "context_tokens", "num_prefill_tokens", "ContextTokens")
OUTPUT_FIELDS = (
    "generated_tokens",
    "output_tokens",
    "completion_tokens",
    "num_decode_tokens",
    "GeneratedTokens",
    "max_tokens",
    "max_completion_tokens",
)


def token_counts(task_input: Mapping[str, Any]) -> tuple[float, float]:
    """Input and output tokens, 0 where the input does not say. Raises ValueError for what is not a count."""
    return _first(task_input, INPUT_FIELDS), _first(task_input, OUTPUT_FIELDS)


def service_seconds(task_input: Mapping[str, Any], speed: float) -> float:
    """Seconds that an instance of this speed takes: `service_ms` if given, else by tokens, else none.

    Raises ValueError with the name of the field that is not a number of at least 0.
    """
    stated = task_input.get("service_ms")
    if stated is not None:
        milliseconds = _amount("service_ms", stated)
    else:
        taken_in, put_out = token_counts(task_input)
        milliseconds = taken_in * INPUT_TOKEN_MS + put_out * OUTPUT_TOKEN_MS
    return milliseconds / 1000.0 / speed


def _first(task_input: Mapping[str, Any], names: tuple[str, ...]) -> float:
    for name in names:
        value = task_input.get(name)
        if value is not None:
            return _amount(name, value)
    return 0.0


def _amount(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"task_input.{name} must be a number of at least 0, got {value!r}")
    return float(value)
