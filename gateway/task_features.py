"""What a task says of how long it will take, found in its metadata and its input.

Both are free-form, and may use these names for something else: what does not fit is passed over, never refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from actors.messages.tasks import Features

# Several APIs name the same thing; the first that is there and fits counts, metadata before the input.
INPUT_FIELDS: Final = ("input_tokens", "prompt_tokens", "context_tokens")
OUTPUT_FIELDS: Final = ("max_tokens", "max_completion_tokens", "max_new_tokens", "output_tokens")
MAX_KIND_LENGTH: Final = 64
MOST_TOKENS: Final = 1e9
LONGEST_MS: Final = 30 * 86_400_000.0
CHARACTERS_PER_TOKEN: Final = 4.0
"""Of a prompt that says nothing of its tokens; what matters is that it is the same for all."""

MOST_MESSAGES: Final = 1000
"""Messages of a conversation that are measured; the rest count as none."""


def features_of(facts: Mapping[str, Any], content: object) -> Features | None:
    """From metadata and decoded input; None where neither says anything."""
    params: Mapping[str, Any] = content if isinstance(content, dict) else {}
    places = (facts, params) if facts else (params,)
    kind = next((kind for place in places if (kind := _kind(place.get("task_kind")))), "")
    input_tokens = _first(places, INPUT_FIELDS, MOST_TOKENS)
    if input_tokens is None:
        input_tokens = _prompt_tokens(params)
    max_tokens = _first(places, OUTPUT_FIELDS, MOST_TOKENS)
    expected_ms = _first(places, ("expected_ms",), LONGEST_MS)
    if not kind and input_tokens is None and max_tokens is None and expected_ms is None:
        return None
    return Features(kind, input_tokens, max_tokens, expected_ms)


def _kind(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_KIND_LENGTH and value.isprintable() else ""


def _first(places: tuple[Mapping[str, Any], ...], names: tuple[str, ...], most: float) -> float | None:
    for place in places:
        for name in names:
            if name in place:
                value = place[name]
                is_number = isinstance(value, int | float) and not isinstance(value, bool)
                if is_number and 0 <= value <= most:
                    return float(value)
    return None


def _prompt_tokens(params: Mapping[str, Any]) -> float | None:
    """About how many tokens a prompt or a conversation is; None where there is none."""
    prompt = params.get("prompt")
    if isinstance(prompt, str):
        return len(prompt) / CHARACTERS_PER_TOKEN
    messages = params.get("messages")
    if not isinstance(messages, list):
        return None
    contents = [m.get("content") for m in messages[:MOST_MESSAGES] if isinstance(m, dict)]
    lengths = [len(content) for content in contents if isinstance(content, str)]
    return sum(lengths) / CHARACTERS_PER_TOKEN if lengths else None
