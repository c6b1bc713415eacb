"""What a worker may say over its WebSocket, and what it may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from actors.addresses import SCHEDULER, ReturnAddress, dispatcher, worker
from actors.envelope import Envelope
from actors.envelope_json import encode_envelope, join_envelopes
from actors.messages import Message
from actors.messages.dispatcher import Report
from actors.messages.scheduler import AttachWorker, DetachWorker, RemoveInstance
from actors.messages.worker import StopTask
from gateway.bad_request import BadRequest, MalformedJson
from gateway.worker_frames import MOST_ENVELOPES, BadFrame, check_request, first_of, read_frame

REPORT = Report("t", 1, "a", "w", 1.5, b'{"ok": true}')
ATTACH = AttachWorker("chosen-by-the-worker", "w", "a", 2, "i")


def enveloped(message: Message) -> Envelope:
    return Envelope("c", SCHEDULER, message, ReturnAddress(worker("w"), "c"))


def test_a_frame_is_a_list_of_envelopes() -> None:
    sent = [enveloped(ATTACH), Envelope("d", dispatcher("ti"), REPORT)]
    assert read_frame(join_envelopes([encode_envelope(envelope) for envelope in sent]).decode()) == sent


@pytest.mark.parametrize(
    "frame",
    ["", "{}", "[1]", "[[]]", '[["c","scheduler","one",null,"","os.system",{}]]', "[" * 5000, "\ud800", '["'],
)
def test_what_is_no_frame_is_refused(frame: str) -> None:
    with pytest.raises(BadFrame):
        read_frame(frame)


def test_a_frame_of_too_many_envelopes_is_refused() -> None:
    encoded = [encode_envelope(enveloped(ATTACH))] * (MOST_ENVELOPES + 1)
    with pytest.raises(BadFrame, match="256"):
        read_frame(join_envelopes(encoded).decode())


def test_a_connection_begins_with_attach_and_the_id_is_not_the_workers_to_choose() -> None:
    request, attach = first_of([enveloped(ATTACH)])
    assert request == enveloped(ATTACH)
    assert (attach.worker_id, attach.agent_id, attach.capacity, attach.incarnation) == ("w", "a", 2, "i")
    assert attach.ti_uuid not in ("", ATTACH.ti_uuid)


@pytest.mark.parametrize("envelopes", [[], [enveloped(REPORT)], [enveloped(ATTACH), enveloped(ATTACH)]])
def test_nothing_else_can_come_first(envelopes: list[Envelope]) -> None:
    with pytest.raises(BadFrame, match="AttachWorker"):
        first_of(envelopes)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("worker_id", ""),
        ("worker_id", "a\nb"),
        ("worker_id", "é" * 101),
        ("agent_id", ""),
        ("agent_id", "model:gpt"),
        ("capacity", 0),
        ("capacity", 10_001),
        ("incarnation", ""),
    ],
)
def test_a_wrong_attach_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(BadRequest, match=field):
        first_of([enveloped(replace(ATTACH, **{field: value}))])


def test_a_worker_detaches_itself_and_nobody_else() -> None:
    assert check_request(DetachWorker("other"), "w", 100) == DetachWorker("w")


def test_a_sound_report_is_taken() -> None:
    assert check_request(REPORT, "w", 100) is REPORT
    assert check_request(replace(REPORT, result=b"null"), "w", 100)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task_id", ""),
        ("attempt", 0),
        ("attempt", -1),
        ("execution_ms", -1.0),
        ("execution_ms", float("nan")),
        ("result", b"[1]"),
        ("result", b'{"text": "' + b"x" * 100 + b'"}'),
    ],
)
def test_a_wrong_report_names_the_field(field: str, value: Any) -> None:
    """Attempt 0, which over HTTP means that the instance cannot say, would get past the fence."""
    with pytest.raises(BadRequest, match=field):
        check_request(replace(REPORT, **{field: value}), "w", 100)


@pytest.mark.parametrize("result", [b"", b"{", b'{"a": NaN}', b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}"])
def test_a_result_that_is_not_json_is_refused(result: bytes) -> None:
    with pytest.raises(MalformedJson):
        check_request(replace(REPORT, result=result), "w", 1000)


@pytest.mark.parametrize("message", [RemoveInstance("h", 1), StopTask("t", 1, ""), ATTACH])
def test_what_is_not_a_workers_to_ask_is_refused(message: Message) -> None:
    with pytest.raises(BadFrame, match=type(message).__name__):
        check_request(message, "w", 100)
