"""Where simulated workloads come from: generators with known statistics, traces, and their scaling to a load."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from statistics import fmean, pstdev

import pytest

from simulation.fleet import Change, Fleet, parse_change, parse_speeds
from simulation.generator import KINDS, WORKLOADS, conversation, mix
from simulation.jobs import Request, ServiceTime, jobs_at_load
from simulation.trace import TraceError, read_trace

FLEET = Fleet((1.0, 1.0, 0.5, 0.25))


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_depends_on_its_seed_alone_and_is_in_order(name: str) -> None:
    requests = WORKLOADS[name](1, 3_000)
    assert requests == WORKLOADS[name](1, 3_000)
    assert requests != WORKLOADS[name](2, 3_000)
    assert [r.arrival_s for r in requests] == sorted(r.arrival_s for r in requests)
    assert len(requests) == pytest.approx(3_000, rel=0.1)


def test_the_conversation_has_the_statistics_of_the_trace() -> None:
    requests = conversation(1, 20_000)
    gaps = [after.arrival_s - before.arrival_s for before, after in pairwise(requests)]
    assert 1 / fmean(gaps) == pytest.approx(5.53, rel=0.05)
    assert pstdev(gaps) / fmean(gaps) == pytest.approx(1.09, abs=0.04)
    minutes = Counter(int(request.arrival_s // 60) for request in requests)
    counts = [minutes[minute] for minute in range(max(minutes))]
    assert 10 < pstdev(counts) ** 2 / fmean(counts) < 22, "arrivals come in waves, as in the trace (16)"
    out = sorted(request.output_tokens for request in requests)
    assert fmean(out) == pytest.approx(211, rel=0.03)
    assert [out[int(level * len(out))] for level in (0.5, 0.9, 0.99)] == pytest.approx([129, 424, 601], rel=0.05)
    taken = sorted(request.input_tokens for request in requests)
    assert fmean(taken) == pytest.approx(1155, rel=0.03)
    assert taken[len(taken) // 2] == pytest.approx(1020, rel=0.05)


def test_the_kinds_of_a_mix_differ_and_vary_within_the_limit_that_their_sender_states() -> None:
    requests = mix(1, 5_000)
    shares = Counter(request.task_kind for request in requests)
    assert {kind.name: shares[kind.name] / 5_000 for kind in KINDS} == pytest.approx(
        {kind.name: kind.share for kind in KINDS}, abs=0.03
    )
    means = {kind.name: fmean(r.output_tokens for r in requests if r.task_kind == kind.name) for kind in KINDS}
    assert means["classify"] < 10 < 100 < means["chat"] < means["summarise"] < means["code"]
    assert all(0 < request.output_tokens <= request.max_tokens for request in requests)


def test_few_clients_make_most_of_the_load() -> None:
    requests = WORKLOADS["clients"](1, 10_000)
    sent = Counter(request.client for request in requests)
    assert len(sent) == 73
    assert sum(count for _, count in sent.most_common(17)) / len(requests) == pytest.approx(0.8, abs=0.04)


def test_a_service_time_is_so_much_a_task_and_a_token() -> None:
    assert ServiceTime().of(Request(0, 1000, 100)) == pytest.approx(0.02 + 0.2 + 2.0)
    assert ServiceTime(1.0, 0.5, 0.25).of(Request(0, 4, 8)) == 5.0


def test_arrivals_are_stretched_to_the_load() -> None:
    requests = [Request(105, 0, 50), Request(100, 0, 100), Request(110, 0, 150)]
    jobs = jobs_at_load(requests, ServiceTime(0.0, 0.0, 0.02), load=0.5, total_speed=2.0)
    assert [job.service_s for job in jobs] == [2.0, 1.0, 3.0]
    assert [job.arrival_s for job in jobs] == [0.0, 3.0, 6.0], "6 s of work in 6 s, at speed 2"


@pytest.mark.parametrize("requests", [[], [Request(1, 1, 1)], [Request(1, 1, 1), Request(1, 1, 1)]])
def test_what_has_no_duration_has_no_load(requests: list[Request]) -> None:
    with pytest.raises(ValueError, match="two requests at different times"):
        jobs_at_load(requests, ServiceTime(), 0.7, 1.0)


def test_what_takes_no_time_has_no_slowdown() -> None:
    with pytest.raises(ValueError, match="must take some time"):
        jobs_at_load([Request(0, 0, 1), Request(1, 1, 0)], ServiceTime(0.0, 0.0, 1.0), 0.7, 1.0)


def test_an_azure_trace(tmp_path: Path) -> None:
    trace = _file(
        tmp_path,
        "TIMESTAMP,ContextTokens,GeneratedTokens",
        "2023-11-16 18:15:46.6805900,374,44",
        "2023-11-16 18:15:50.1805900,396,109",
        "2023-11-17 00:00:00,1,2",
    )
    first, second = read_trace(trace, 1, 2)
    assert (first.input_tokens, first.output_tokens, second.input_tokens) == (374, 44, 396)
    assert second.arrival_s - first.arrival_s == pytest.approx(3.5)
    assert len(read_trace(trace, 1, None)) == 3


def test_a_trace_of_our_own_columns(tmp_path: Path) -> None:
    trace = _file(
        tmp_path,
        "arrival_s,input_tokens,output_tokens,task_kind,client,max_tokens,priority,deadline_s",
        "0,10,20,chat,me,64,-3,2.5",
        "1.5,1,2,,,,,",
    )
    assert read_trace(trace, 1, None) == [Request(0.0, 10, 20, "chat", "me", 64, -3, 2.5), Request(1.5, 1, 2)]


@pytest.mark.parametrize("wrong", ["21", "-20", "high", "1.5"])
def test_a_priority_in_a_trace_that_is_none_is_told(tmp_path: Path, wrong: str) -> None:
    trace = _file(tmp_path, "arrival_s,input_tokens,output_tokens,priority", "0,1,2,0", f"1,1,2,{wrong}")
    with pytest.raises(TraceError, match=rf"line 3: priority must be a whole number from -19 to 20, got '{wrong}'"):
        read_trace(trace, 1, None)


def test_a_trace_may_begin_with_the_mark_that_spreadsheets_write(tmp_path: Path) -> None:
    trace = _file(tmp_path, "\ufeffarrival_s,input_tokens,output_tokens", "0,1,2", "1,3,4")
    assert read_trace(trace, 1, None) == [Request(0.0, 1, 2), Request(1.0, 3, 4)]


def test_a_trace_without_times_arrives_at_random(tmp_path: Path) -> None:
    trace = _file(tmp_path, "num_prefill_tokens,num_decode_tokens,pd_ratio", *(["3,4,0.5"] * 2000))
    requests = read_trace(trace, 1, None)
    assert requests == read_trace(trace, 1, None) != read_trace(trace, 2, None)
    gaps = [after.arrival_s - before.arrival_s for before, after in pairwise(requests)]
    assert pstdev(gaps) / fmean(gaps) == pytest.approx(1.0, abs=0.1)


def test_clients_by_their_statistics(tmp_path: Path) -> None:
    trace = _file(
        tmp_path,
        "client,mean_rate_rps,active_frac,weighted_cv,in_p50,in_p90,in_p99,out_p50,out_p90,out_p99",
        "a,3,0.5,2,100,200,300,10,20,30",
        "b,1,1,1,100,100,100,40,40,40",
    )
    requests = read_trace(trace, 1, 4000)
    of_a, of_b = ([r for r in requests if r.client == name] for name in "ab")
    assert len(of_a) / len(of_b) == pytest.approx(3, rel=0.15)
    assert {r.output_tokens for r in of_b} == {40}
    assert sorted(r.output_tokens for r in of_a)[len(of_a) // 2] == pytest.approx(10, abs=1)
    assert max(r.output_tokens for r in of_a) <= 60


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a,b", "1,2"], "first line must name the columns"),
        ([], "first line must name the columns"),
        (["arrival_s,input_tokens,output_tokens", "0,1,1"], "two requests at least, got 1"),
        (["arrival_s,input_tokens,output_tokens", "0,1,1", "x,1,1"], "line 3: arrival_s must be a number .* got 'x'"),
        (["arrival_s,input_tokens,output_tokens", "-1,1,1"], "line 2: arrival_s must be a number of at least 0"),
        (["arrival_s,input_tokens,output_tokens", "0,1,1", "nan,1,1"], "line 3: arrival_s must be a number"),
        (["arrival_s,input_tokens,output_tokens", "0,-1,1"], "line 2: input_tokens must be a whole number .* got '-1'"),
        (["arrival_s,input_tokens,output_tokens", "0,1"], "line 2: output_tokens must be a whole number .* got ''"),
        (["TIMESTAMP,ContextTokens,GeneratedTokens", "noon,1,1"], "line 2: TIMESTAMP must be a time .* got 'noon'"),
    ],
)
def test_a_trace_that_cannot_be_used_says_where_and_why(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(TraceError, match=said):
        read_trace(_file(tmp_path, *lines), 1, None)


def test_speeds_and_events_of_instances() -> None:
    assert parse_speeds("1,0.5, 2") == (1.0, 0.5, 2.0)
    assert FLEET.total_speed == 2.75
    assert parse_change("120s:3:speed=0.25", FLEET) == Change(120.0, 3, speed=0.25)
    assert parse_change("0.5s:0:down", FLEET) == Change(0.5, 0, condition="down")
    assert parse_change("260s:2:up", FLEET) == Change(260.0, 2, condition="up")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("120:3:up", "must be SECONDSs:INSTANCE"),
        ("-1s:3:up", "time must be at least 0 seconds, got '-1'"),
        ("xs:3:up", "time must be a number, got 'x'"),
        ("1s:4:up", "instance must be one of 0 to 3, got '4'"),
        ("1s:a:up", "instance must be one of 0 to 3, got 'a'"),
        ("1s:1:sideways", "must be up, down or speed=NUMBER, got 'sideways'"),
        ("1s:1:speed=0", "speed must be above 0, got '0'"),
        ("1s:1:speed=inf", "speed must be a number, got 'inf'"),
    ],
)
def test_an_event_that_cannot_be_says_why(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_change(text, FLEET)


@pytest.mark.parametrize("text", ["", "1,", "0", "-1", "nan", "fast"])
def test_a_speed_is_above_0(text: str) -> None:
    with pytest.raises(ValueError, match="a speed must be"):
        parse_speeds(text)


def _file(directory: Path, *lines: str) -> Path:
    path = directory / "trace.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
