"""What a worker may say over its WebSocket, and what it may not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from actors.addresses import SCHEDULER, ReturnAddress, dispatcher, worker
from actors.envelope import Envelope
from actors.envelope_json import encode_envelope, join_envelopes
from actors.messages import Message
from actors.messages.answers import TaskTaken, YieldNoted
from actors.messages.dispatcher import Report, ReportProgress, ReportYield
from actors.messages.scheduler import AttachWorker, DetachWorker, RemoveInstance
from actors.messages.tasks import CHECKPOINT_BYTES, Activity
from actors.messages.worker import StopTask, YieldTask
from gateway.bad_request import BadRequest, MalformedJson
from gateway.worker_frames import MOST_ENVELOPES, BadFrame, check_answer, check_request, first_of, read_frame

REPORT = Report("t", 1, "a", "w", 1.5, b'{"ok": true}')
YIELD = ReportYield("t", 1, 2, "a", "w", 1.5, b'{"step": 3}')
PROGRESS = ReportProgress("t", 1, 2, "a", Activity(description="at work"), 0.5, b'{"step": 3}')
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
        ("resumption", -1),
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


def test_a_run_may_give_way_and_say_how_far_it_is() -> None:
    for message in (YIELD, replace(YIELD, checkpoint=b"{}"), PROGRESS, ReportProgress("t", 1, 0, "a")):
        assert check_request(message, "w", 1) is message


TOO_LARGE = b'{"x": "' + b"x" * CHECKPOINT_BYTES + b'"}'


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task_id", ""),
        ("attempt", 0),
        ("resumption", -1),
        ("execution_ms", -1.0),
        ("execution_ms", float("inf")),
        ("checkpoint", b"[1]"),
        ("checkpoint", b"null"),
        ("checkpoint", TOO_LARGE),
    ],
)
def test_a_wrong_yield_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(BadRequest, match=field):
        check_request(replace(YIELD, **{field: value}), "w", 100)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task_id", ""),
        ("attempt", 0),
        ("resumption", -1),
        ("progress", -0.1),
        ("progress", 1.1),
        ("progress", float("nan")),
        ("checkpoint", b"[1]"),
        ("checkpoint", TOO_LARGE),
        ("activity.description", Activity(description="word " * 201)),
        ("activity.description", Activity(description="x" * 4001)),
        ("activity.branch", Activity(branch="x" * 256)),
    ],
)
def test_wrong_progress_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(BadRequest, match=field):
        check_request(replace(PROGRESS, **{field.partition(".")[0]: value}), "w", 100)


@pytest.mark.parametrize("checkpoint", [b"", b"{", b'{"a": NaN}'])
def test_a_checkpoint_that_is_not_json_is_refused(checkpoint: bytes) -> None:
    with pytest.raises(MalformedJson):
        check_request(replace(YIELD, checkpoint=checkpoint), "w", 100)


def test_a_worker_cannot_put_off_giving_way_for_ever() -> None:
    noted = YieldNoted("t", 1, 0, True, "commit", 500.0)
    for answer in (noted, TaskTaken("t", 1)):
        assert check_answer(answer) is answer
    for field, value in [("deferred_ms", -1.0), ("deferred_ms", 3_600_001.0), ("section", "x" * 256)]:
        with pytest.raises(BadRequest, match=field):
            check_answer(replace(noted, **{field: value}))


@pytest.mark.parametrize("message", [RemoveInstance("h", 1), StopTask("t", 1, ""), YieldTask("t", 1, 0, "", 0), ATTACH])
def test_what_is_not_a_workers_to_ask_is_refused(message: Message) -> None:
    with pytest.raises(BadFrame, match=type(message).__name__):
        check_request(message, "w", 100)
