"""What a task shares with others, so that they had better run on the same instance, found in its metadata.

Metadata are free-form, and may use these names for something else: what does not fit is passed over, never refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

AFFINITY_FIELDS: Final = ("affinity_key", "session_id", "conversation_id", "prompt_cache_key", "prefix_key")
"""The first that is there and fits counts."""

MAX_LENGTH: Final = 255


def affinity_of(facts: Mapping[str, Any]) -> str:
    """The key; "" where the metadata have none."""
    for name in AFFINITY_FIELDS:
        value = facts.get(name)
        if isinstance(value, str) and 0 < len(value) <= MAX_LENGTH:
            return value
    return ""
