"""Envelopes as bytes, queues as declarations, producers' messages as envelopes."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from pamqp.commands import Basic

from actors.addresses import SCHEDULER, Address, ReturnAddress, agent
from actors.envelope import Envelope
from actors.envelope_json import encode_envelope, join_envelopes
from actors.messages.agent import PollActivity
from actors.messages.answers import Answer, TaskAccepted
from actors.messages.scheduler import DescribeQueues
from rabbitmq.codec import MalformedBundle, answer_json, decode_bundle
from rabbitmq.commands import identity_of, return_address
from rabbitmq.topology import choose_queue_type, shard_arguments


def test_a_bundle_decodes_to_what_was_encoded() -> None:
    envelopes = [
        Envelope("1", SCHEDULER, DescribeQueues("m"), ReturnAddress(Address("gateway", "g"), "c")),
        Envelope("2", agent('quotes " and ünïcode'), PollActivity()),
    ]
    assert decode_bundle(join_envelopes([encode_envelope(envelope) for envelope in envelopes])) == envelopes


@pytest.mark.parametrize("body", [b"", b"null", b"[1]", b'[["id","stranger","k",null,"PollActivity",{}]]', b"\xff"])
def test_what_is_no_bundle_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBundle, match="body: must be a bundle of envelopes"):
        decode_bundle(body)


def test_an_answer_is_its_fields_with_the_type_in_front() -> None:
    text = answer_json(TaskAccepted("t", "i"))
    assert text.startswith(b'{"type":"TaskAccepted",')
    assert json.loads(text) == {"type": "TaskAccepted", "task_id": "t", "scheduled_ti": "i", "reason": ""}


def test_no_answer_has_a_field_of_its_own_that_type_would_hide() -> None:
    assert not [answer for answer in get_args(Answer) if "type" in answer.__struct_fields__]


@pytest.mark.parametrize(
    ("setting", "nodes", "chosen"),
    [
        ("auto", 1, "classic"),
        ("auto", 2, "classic"),
        ("auto", 3, "quorum"),
        ("quorum", 1, "quorum"),
        ("classic", 5, "classic"),
    ],
)
def test_auto_is_quorum_from_three_nodes(setting: str, nodes: int, chosen: str) -> None:
    assert choose_queue_type(setting, nodes) == chosen  # type: ignore[arg-type]


def test_only_quorum_queues_get_a_delivery_limit_and_it_is_positive() -> None:
    assert "x-delivery-limit" not in shard_arguments("classic")
    limit = shard_arguments("quorum")["x-delivery-limit"]
    assert isinstance(limit, int)
    assert limit > 0


def test_the_identity_of_a_command_tells_body_and_properties_apart() -> None:
    properties = [
        Basic.Properties(message_id="1"),
        Basic.Properties(message_id="2"),
        Basic.Properties(correlation_id="1"),
    ]
    identities = {identity_of(body, one) for body in (b"a", b"b") for one in properties}
    assert len(identities) == 6
    assert identity_of(b"a", Basic.Properties(message_id="1")) in identities


def test_a_command_that_nothing_tells_apart_has_no_identity() -> None:
    assert identity_of(b"a", Basic.Properties(reply_to="q")) is None


def test_only_who_gives_reply_to_is_answered() -> None:
    assert return_address(Basic.Properties(correlation_id="c")) is None
    assert return_address(Basic.Properties(reply_to="q")) == ReturnAddress(Address("producer", "q"), "")
