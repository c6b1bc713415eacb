"""How long a simulated task takes."""

from __future__ import annotations

from typing import Any

import pytest

from swarmpilot.instance.work.service_time import service_seconds, token_counts


@pytest.mark.parametrize(
    ("task_input", "speed", "seconds"),
    [
        ({"service_ms": 500}, 1.0, 0.5),
        ({"service_ms": 500, "max_tokens": 1000}, 2.0, 0.25),
        ({"service_ms": 0, "max_tokens": 1000}, 1.0, 0.0),
        ({"prompt": "What is AI?", "max_tokens": 100}, 1.0, 2.0),
        ({"input_tokens": 1000, "max_tokens": 100}, 1.0, 2.2),
        ({"context_tokens": 1000, "generated_tokens": 10}, 4.0, 0.1),
        ({"ContextTokens": 374, "GeneratedTokens": 44}, 1.0, 0.9548),
        ({"generated_tokens": 10, "max_tokens": 4096}, 1.0, 0.2),
        ({"prompt": "nothing said of time"}, 1.0, 0.0),
        ({}, 0.1, 0.0),
    ],
)
def test_time_is_stated_or_follows_from_tokens(task_input: dict[str, Any], speed: float, seconds: float) -> None:
    assert service_seconds(task_input, speed) == pytest.approx(seconds)


@pytest.mark.parametrize("value", [-1, "12", True, float("nan"), float("inf"), [1]])
@pytest.mark.parametrize("name", ["service_ms", "input_tokens", "max_tokens"])
def test_what_is_no_amount_is_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"task_input.{name} must be a number of at least 0, got"):
        service_seconds({name: value}, 1.0)


def test_tokens_of_both_kinds_are_counted() -> None:
    assert token_counts({"prompt_tokens": 7, "completion_tokens": 5}) == (7, 5)
