"""What a task shares with others, as its metadata say."""

from __future__ import annotations

import pytest

from gateway.translate import build_submit


def affinity(metadata: bytes) -> str:
    """Of a task with these metadata."""
    message = build_submit(
        task_id="t", now=0.0, order="importance", origin="rest", task_input=b"{}", model_name="m", metadata=metadata
    )
    return message.spec.affinity


@pytest.mark.parametrize(
    ("metadata", "key"),
    [
        (b"{}", ""),
        (b'{"session_id": "s1"}', "s1"),
        (b'{"conversation_id": "c", "session_id": "s1"}', "s1"),
        (b'{"affinity_key": "mine", "session_id": "s1"}', "mine"),
        (b'{"affinity_key": 5, "prompt_cache_key": "p"}', "p"),
        (b'{"session_id": ""}', ""),
        (b'{"session_id": "' + b"x" * 256 + b'"}', ""),
    ],
)
def test_the_first_that_is_there_and_fits_counts(metadata: bytes, key: str) -> None:
    assert affinity(metadata) == key
