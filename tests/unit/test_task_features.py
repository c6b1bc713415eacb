"""What a task says of how long it will take is found in metadata and input, and nothing is refused for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages.tasks import Features
from gateway.task_features import features_of
from gateway.translate import build_submit

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = ("task_kind", "input_tokens", "max_tokens", "expected_ms", "prompt", "messages", "prompt_tokens")


@pytest.mark.parametrize(
    ("metadata", "task_input", "found"),
    [
        ({}, {}, None),
        ({}, "just text", None),
        ({}, [1], None),
        ({"user": "me"}, {"x": 1}, None),
        ({"task_kind": "chat"}, {}, Features("chat")),
        ({}, {"task_kind": "chat", "max_tokens": 100}, Features("chat", None, 100.0)),
        ({"max_tokens": 5}, {"max_tokens": 100}, Features("", None, 5.0)),
        ({"max_tokens": "many"}, {"max_tokens": 100}, Features("", None, 100.0)),
        ({}, {"max_tokens": 4096, "generated_tokens": 7}, Features("", None, 4096.0)),
        ({}, {"max_new_tokens": 12, "prompt_tokens": 30}, Features("", 30.0, 12.0)),
        ({"expected_ms": 250, "input_tokens": 12}, {"prompt": "abcd" * 50}, Features("", 12.0, None, 250.0)),
        ({}, {"prompt": "abcd" * 50}, Features("", 50.0)),
        ({}, {"messages": [{"role": "user", "content": "abcd" * 3}, {"content": "abcd"}]}, Features("", 4.0)),
        ({}, {"messages": [{"content": [{"type": "image"}]}, "x", None]}, None),
        ({"max_tokens": 0}, {}, Features("", None, 0.0)),
    ],
)
def test_what_is_found(metadata: dict[str, Any], task_input: object, found: Features | None) -> None:
    assert features_of(metadata, task_input) == found


@pytest.mark.parametrize("value", [True, "12", -1, 1e10, float("nan"), float("inf"), [1], {}, None, 10**400])
@pytest.mark.parametrize("name", ["input_tokens", "max_tokens"])
def test_what_does_not_fit_is_passed_over(name: str, value: object) -> None:
    assert features_of({name: value}, {name: value}) is None


@pytest.mark.parametrize("value", [5, "", "x" * 65, "a\nb", ["chat"], None])
def test_what_is_no_kind_is_passed_over(value: object) -> None:
    assert features_of({"task_kind": value}, {}) is None


@given(st.dictionaries(st.sampled_from(NAMES), anything), st.dictionaries(st.sampled_from(NAMES), anything) | anything)
def test_whatever_is_there_nothing_is_refused(metadata: dict[str, Any], task_input: object) -> None:
    found = features_of(metadata, task_input)
    if found is not None:
        for amount in (found.input_tokens, found.max_tokens, found.expected_ms):
            assert amount is None or 0.0 <= amount <= 1e10


def test_they_come_with_the_task_by_every_protocol() -> None:
    spec = build_submit(
        task_id="t1",
        now=1.0,
        order="importance",
        origin="grpc",
        agent_id="a",
        task_input=json.dumps({"model_name": "m", "max_tokens": 20}).encode(),
        metadata=b'{"task_kind": "chat"}',
    ).spec
    assert spec.features == Features("chat", None, 20.0)
    binary = build_submit(
        task_id="t2",
        now=1.0,
        order="importance",
        origin="grpc",
        agent_id="a",
        task_input=b"\x00\x01",
        content_type="application/octet-stream",
    ).spec
    assert binary.features is None
