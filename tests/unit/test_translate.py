"""The rules that requests of every protocol are translated by."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages.scheduler import SubmitTask
from actors.messages.tasks import Activity
from gateway.bad_request import BadRequest, MalformedJson
from gateway.json_body import decode_json
from gateway.translate import PriorityOrder, build_submit, digest_of, iso_timestamp, parse_priority


def submit(**changes: Any) -> SubmitTask:
    given: dict[str, Any] = {
        "task_id": "task-1",
        "now": 1000.0,
        "order": "importance",
        "origin": "rest",
        "task_input": b'{"prompt": "x"}',
        "model_name": "gpt",
    }
    return build_submit(**{**given, **changes})


@pytest.mark.parametrize("order", ["importance", "nice"])
def test_priority_names_mean_the_same_in_both_orders(order: PriorityOrder) -> None:
    names = ("low", "normal", "high", "critical")
    assert [parse_priority(name, order) for name in names] == [-10, 0, 10, 19]
    assert parse_priority(None, order) == 0


@pytest.mark.parametrize(("given", "order", "expected"), [
    (20, "importance", 20), (-19, "importance", -19), (-20, "nice", 20), (19, "nice", -19), (5, "nice", -5),
])  # fmt: skip
def test_priorities_at_the_ends_of_both_orders(given: int, order: PriorityOrder, expected: int) -> None:
    assert parse_priority(given, order) == expected


@pytest.mark.parametrize("value", ["urgent", "High", "5", "", 21, -20, 2**70, 5.0, True, [5], {}])
def test_a_priority_that_is_none_is_refused_with_the_rule(value: object) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_priority(value, "importance")
    assert str(caught.value).startswith(
        "field `priority`: must be an integer from -19 to 20 or one of low, normal, high, critical; got "
    )


def test_the_rule_names_the_range_of_the_order_in_force() -> None:
    with pytest.raises(BadRequest, match=r"^field `priority`: must be an integer from -20 to 19 or .*; got 20$"):
        parse_priority(20, "nice")


def test_the_text_shows_what_was_got() -> None:
    with pytest.raises(BadRequest) as caught:
        submit(metadata=b'{"priority": "urgent"}')
    assert str(caught.value) == (
        "field `metadata.priority`: must be an integer from -19 to 20 or one of low, normal, high, critical; "
        "got 'urgent'"
    )
    assert (caught.value.field, caught.value.got) == ("metadata.priority", "urgent")


def test_the_digest_tells_where_a_part_ends() -> None:
    assert digest_of("ab", "c") != digest_of("a", "bc") != digest_of("abc")
    assert digest_of("a", b"b") == digest_of(b"a", "b")
    assert len(digest_of()) == 32


def test_a_task_without_an_agent_belongs_to_its_model() -> None:
    spec = submit().spec
    assert (spec.agent_id, spec.model_name, spec.has_own_agent) == ("model:gpt", "gpt", False)


@pytest.mark.parametrize(
    ("user", "known"), [("alice", "alice"), (7, "7"), (True, ""), ({"id": 1}, ""), ("x" * 256, ""), (None, "")]
)
def test_metadata_names_the_user_and_the_deadline_and_what_is_no_users_id_is_passed_over(
    user: object, known: str
) -> None:
    spec = submit(metadata=json.dumps({"user_id": user, "deadline_ms": 1500}).encode()).spec
    assert (spec.user_id, spec.deadline_ms) == (known, 1500)


def test_metadata_names_agent_priority_timeout_callback_and_activity() -> None:
    metadata = {
        "agent_id": "worker-1",
        "priority": "high",
        "timeout_ms": 2500,
        "callback_url": "http://localhost:9000/done",
        "branch": "main",
        "description": "tidies up",
        "repo_id": 7,
    }
    message = submit(metadata=json.dumps(metadata).encode())
    spec = message.spec
    assert (spec.agent_id, spec.priority, spec.timeout_ms) == ("worker-1", 10, 2500)
    assert spec.callback_url == "http://localhost:9000/done"
    assert spec.activity == Activity(branch="main", description="tidies up")
    assert json.loads(message.metadata) == metadata


def test_activity_is_what_the_metadata_say_else_the_params() -> None:
    params = json.dumps({"repo_id": "of params", "branch": "of params", "description": "of params"}).encode()
    metadata = json.dumps({"repo_id": "of metadata", "branch": 7, "description": None}).encode()
    spec = submit(agent_id="worker-1", task_input=params, metadata=metadata).spec
    assert spec.activity == Activity(repo_id="of metadata", branch="of params", description="of params")


def test_a_task_without_an_agent_has_no_activity_whatever_its_metadata_say() -> None:
    many = " ".join(["w"] * 300)
    spec = submit(metadata=json.dumps({"description": many, "branch": "main"}).encode()).spec
    assert spec.activity is None


def test_a_description_has_at_most_200_words() -> None:
    exactly, beyond = " ".join(["w"] * 200), " ".join(["w"] * 201)
    spec = submit(agent_id="worker-1", task_input=json.dumps({"description": exactly}).encode()).spec
    assert spec.activity == Activity(description=exactly)
    for where, said in (
        ("params", {"task_input": json.dumps({"description": beyond}).encode()}),
        ("metadata", {"metadata": json.dumps({"description": beyond}).encode()}),
    ):
        rule = f"field `{where}.description`: must have at most 200 words, and has 201"
        with pytest.raises(BadRequest, match=re.escape(rule)):
            submit(agent_id="worker-1", **said)


@pytest.mark.parametrize(
    ("name", "longest"), [("repo_id", 255), ("worktree_id", 255), ("branch", 255), ("description", 4000)]
)
def test_what_activity_shows_is_bounded(name: str, longest: int) -> None:
    assert submit(agent_id="worker-1", task_input=json.dumps({name: "x" * longest}).encode()).spec.activity
    with pytest.raises(BadRequest, match=f"`params.{name}`: must be at most {longest} characters long"):
        submit(agent_id="worker-1", task_input=json.dumps({name: "x" * (longest + 1)}).encode())


def test_what_is_given_beside_the_metadata_comes_first() -> None:
    spec = submit(agent_id="worker-2", priority=-3, metadata=b'{"agent_id": "worker-1", "priority": "high"}').spec
    assert (spec.agent_id, spec.priority) == ("worker-2", -3)


def test_an_agents_task_takes_model_and_activity_from_its_parameters() -> None:
    params = b'{"model_name": "llama", "repo_id": "r", "worktree_id": "w"}'
    spec = submit(agent_id="worker-1", model_name=None, task_input=params).spec
    assert (spec.model_name, spec.activity) == ("llama", Activity(repo_id="r", worktree_id="w"))
    assert submit(agent_id="worker-1", model_name=None, task_input=b"[1]").spec.model_name == ""
    assert submit(agent_id="worker-1", model_name=None, task_input=b"").spec.model_name == ""


def test_a_payload_that_is_not_json_is_kept_as_it_is() -> None:
    message = submit(agent_id="worker-1", model_name=None, task_input=b"\xff\x00", content_type="application/x-thing")
    assert (message.input, message.content_type) == (b"\xff\x00", "application/x-thing")


def test_the_same_content_has_the_same_digest_however_it_is_written() -> None:
    first = submit(task_input=b'{"a": 1, "b": {"x": 1, "y": 2}}', metadata=b'{"u": 1, "priority": 5}')
    again = submit(task_input=b'{"b":{"y":2,"x":1},"a":1}', metadata=b'{"priority":5,"u":1}', now=2000.0)
    assert first.spec.digest == again.spec.digest
    assert first.input == b'{"a": 1, "b": {"x": 1, "y": 2}}'


@pytest.mark.parametrize(
    "changes",
    [
        {"task_input": b'{"prompt": "y"}'},
        {"model_name": "other"},
        {"metadata": b'{"user_id": "u"}'},
        {"priority": 1},
        {"scope": "repo.a"},
        {"agent_id": "worker-1"},
        {"content_type": "application/vnd.thing+json"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_content_has_another_digest(changes: dict[str, Any]) -> None:
    assert submit(**changes).spec.digest != submit().spec.digest


def test_the_scope_is_the_one_given_else_that_of_the_metadata() -> None:
    in_metadata = b'{"scope": "repo.a, s.*.t"}'
    assert submit(metadata=in_metadata).spec.scope == "repo.a, s.*.t"
    assert submit(metadata=in_metadata, scope="").spec.scope == "repo.a, s.*.t"
    assert submit(metadata=in_metadata, scope="repo.b").spec.scope == "repo.b"
    assert submit(metadata=b'{"scope": null}').spec.scope == ""


@pytest.mark.parametrize(("changes", "field", "rule"), [
    ({"model_name": None}, "model_name", "must be given for a task of no agent"),
    ({"model_name": 5}, "model_name", "must be a string"),
    ({"model_name": ""}, "model_name", "must be 1 to 255 characters long"),
    ({"model_name": "a\nb"}, "model_name", "must not contain control characters"),
    ({"task_id": "x" * 256}, "task_id", "must be 1 to 255 characters long"),
    ({"task_id": "\x7f"}, "task_id", "must not contain control characters"),
    ({"agent_id": "model:gpt"}, "agent_id", "must not begin with"),
    ({"metadata": b'{"agent_id": "model:gpt"}'}, "metadata.agent_id", "must not begin with"),
    ({"metadata": b'{"agent_id": 5}'}, "metadata.agent_id", "must be a string"),
    ({"metadata": b'{"deadline_ms": 0}'}, "metadata.deadline_ms", "must be an integer from 1 to"),
    ({"metadata": b'{"deadline_ms": "soon"}'}, "metadata.deadline_ms", "must be an integer from 1 to"),
    ({"metadata": b'{"timeout_ms": 0}'}, "metadata.timeout_ms", "must be an integer from 1 to"),
    ({"metadata": b'{"timeout_ms": 1.5}'}, "metadata.timeout_ms", "must be an integer from 1 to"),
    ({"metadata": b'{"timeout_ms": true}'}, "metadata.timeout_ms", "must be an integer from 1 to"),
    ({"metadata": b'{"callback_url": "ftp://h/x"}'}, "metadata.callback_url", "must be an http or https URL"),
    ({"metadata": b'{"callback_url": "http://"}'}, "metadata.callback_url", "must be an http or https URL"),
    ({"metadata": b'{"callback_url": "http://[::1/"}'}, "metadata.callback_url", "must be an http or https URL"),
    ({"metadata": b'{"callback_url": "http://h:99999/"}'}, "metadata.callback_url", "must be an http or https URL"),
    ({"metadata": b'{"callback_url": "http://h/a b"}'}, "metadata.callback_url", "must be an http or https URL"),
    ({"metadata": b"[]"}, "metadata", "must be a JSON object"),
    ({"scope": 5}, "scope", "must be a string"),
    ({"scope": "x" * 256}, "scope", "must be 1 to 255 characters long"),
    ({"scope": "a..b"}, "scope", "must be segments separated by"),
    ({"scope": "a b"}, "scope", "must not contain white space"),
    ({"scope": "a.b*"}, "scope", "must have `*` only as a whole segment"),
    ({"metadata": b'{"scope": 5}'}, "metadata.scope", "must be a string"),
    ({"metadata": b'{"scope": false}'}, "metadata.scope", "must be a string"),
    ({"metadata": b'{"scope": ["a"]}'}, "metadata.scope", "must be a string"),
    ({"metadata": b'{"scope": "a,,b"}'}, "metadata.scope", "must be segments separated by"),
    ({"task_input": b"{"}, "task_input", "must be JSON, as the content type"),
])  # fmt: skip
def test_broken_rules_name_the_field(changes: dict[str, Any], field: str, rule: str) -> None:
    with pytest.raises(BadRequest) as caught:
        submit(**changes)
    assert caught.value.field == field
    assert caught.value.rule.startswith(rule)


@pytest.mark.parametrize(("body", "why"), [
    (b"", "the body is empty"),
    (b'{"a": 1,}', "malformed JSON at line 1 column 9 (position 8)"),
    (b'{"a": NaN}', "NaN is not a JSON number"),
    (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
    (b'{"a": 1e400}', "out of range"),
    (b'{"a": ' + b"9" * 5000 + b"}", "out of range"),
    (b'{"a": "\xff"}', "the body must be UTF-8: byte 0xff at position 7"),
    (b'{"a": "\\ud800"}', "half of a surrogate pair"),
    (b"[" * 33 + b"]" * 33, "must not be nested deeper than 32 levels"),
    (b"[" * 200_000, "must not be nested deeper than 32 levels"),
    (b'{"a": 1} {"b": 2}', "malformed JSON at line 1 column 10"),
])  # fmt: skip
def test_what_is_not_json_says_why(body: bytes, why: str) -> None:
    with pytest.raises(MalformedJson) as caught:
        decode_json(body)
    assert why in str(caught.value)


def test_brackets_in_strings_do_not_nest() -> None:
    text = "[{" * 100 + '\\"' + "]" * 7
    assert decode_json(json.dumps({"a": [text, {"b": text}]}).encode()) == {"a": [text, {"b": text}]}
    assert decode_json(b"[" * 32 + b"]" * 32)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=40,
)


@given(json_values)
def test_json_is_taken_as_the_standard_library_takes_it(value: object) -> None:
    body = json.dumps(value).encode()
    assert decode_json(body) == json.loads(body)


def test_timestamps() -> None:
    assert iso_timestamp(1760184000.1234) == "2025-10-11T12:00:00.123Z"
