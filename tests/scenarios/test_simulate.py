"""`swarmpilot simulate` as a person uses it: what is printed and written, and what it says when it cannot."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from simulation.experiment import known_strategies
from simulation.references import REFERENCES
from swarmpilot.cli import run

SMALL = ["simulate", "--tasks", "120", "--load", "0.6,0.9", "--speeds", "1,1,0.5"]
PNG = b"\x89PNG\r\n\x1a\n"


def test_it_prints_all_policies_and_writes_the_same_figures_every_time(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    files = [tmp_path / "a" / "one.json", tmp_path / "two.json"]
    for file in files:
        assert run([*SMALL, "--event", "5s:0:speed=0.25", "--json", str(file)]) == 0
    shown = capsys.readouterr()
    assert (
        "workload conversation: 120 tasks on 3 instances of speed 1, 1, 0.5, 1 at once on each; 1 events" in shown.out
    )
    for name in (*known_strategies(), *REFERENCES):
        assert len(re.findall(rf"^ {name} ", shown.out, re.MULTILINE)) >= 2 * 2, name
    assert "million a minute" in shown.out
    assert f"written: {files[0]}" in shown.err
    assert files[0].read_text() == files[1].read_text()
    rows = json.loads(files[0].read_text())["rows"]
    assert len(rows) == 2 * (len(known_strategies()) + len(REFERENCES))


def test_it_draws(tmp_path: Path) -> None:
    assert run([*SMALL, "--event", "5s:0:down", "--event", "9s:0:up", "--plots", str(tmp_path / "plots")]) == 0
    drawn = sorted((tmp_path / "plots").iterdir())
    assert [path.name for path in drawn] == [
        "latency_over_load.png",
        *(f"latency_over_time_at_{load}.png" for load in (0.6, 0.9)),
        *(f"latency_tail_at_{load}.png" for load in (0.6, 0.9)),
    ]
    assert all(path.read_bytes().startswith(PNG) and path.stat().st_size > 5_000 for path in drawn)


def test_a_trace_some_policies_and_other_costs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    trace, written = tmp_path / "trace.csv", tmp_path / "figures.json"
    trace.write_text("arrival_s,input_tokens,output_tokens\n0,1,10\n4,1,10\n8,1,10\n")
    chosen = ["--strategies", "ShortestQueue,round-robin", "--references", "jsq,pooled fifo", "--no-waits"]
    costs = ["--base-s", "1", "--input-token-s", "0", "--output-token-s", "0.1"]
    given = ["--trace", str(trace), "--load", "0.75", "--speeds", "1", "--json", str(written), *chosen, *costs]
    assert run(["simulate", *given]) == 0
    shown = capsys.readouterr().out
    assert "trace.csv: 3 tasks" in shown
    assert "expected waits" not in shown
    rows = json.loads(written.read_text())["rows"]
    assert [row.get("strategy") or row.get("reference") for row in rows] == [
        "shortest_queue",
        "round_robin",
        "JSQ",
        "pooled FIFO",
    ]
    assert {row["latency_s"]["mean"] for row in rows} == {2.0}, "2 s each, every 4 s"


def test_without_matplotlib_it_says_what_to_install_before_it_begins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert run([*SMALL, "--plots", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "swarmpilot: --plots: plots need matplotlib: pip install 'swarmpilot-scheduler[plots]'\n"


def test_orders_beside_each_other_with_what_is_late_and_how_evenly_clients_are_served(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    trace = tmp_path / "trace.csv"
    rows = (f"{n},1,{1 + n % 5},k{n % 5},u{n % 3},,{n % 2},{1 + n % 7}" for n in range(60))
    head = "arrival_s,input_tokens,output_tokens,task_kind,client,max_tokens,priority,deadline_s"
    trace.write_text("\n".join((head, *rows)))
    given = ["--trace", str(trace), "--strategies", "shortest_queue", "--references", "none", "--load", "0.9"]
    assert (
        run(["simulate", *given, "--order", "priority,fair,Deadline", "--event", "1s:0:down", "--event", "2s:0:up"])
        == 0
    )
    shown = capsys.readouterr().out
    for name in ("shortest_queue", "shortest_queue, fair", "shortest_queue, deadline"):
        assert re.search(rf"^ {name}  .*%", shown, re.MULTILINE), shown
    assert "Jain" in shown
    assert "late" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--speeds", "1,0"], "--speeds: a speed must be above 0, got '0'"),
        (["--load", "0.7,x"], "--load must be above 0 and at most 10, .* got 'x'"),
        (["--load", "nan"], "--load must be .* got 'nan'"),
        (["--event", "5s:8:up"], "--event: its instance must be one of 0 to 7, got '8'"),
        (["--event", "later"], "--event: must be SECONDSs:INSTANCE:up, .* got 'later'"),
        (["--strategies", "luck"], "--strategies must be all, none or some of shortest_queue, .* got 'luck'"),
        (["--references", "luck"], "--references must be all, none or some of pooled FIFO, .* got 'luck'"),
        (["--order", "luck"], "--order must be all or some of priority, .* got 'luck'"),
        (["--order", "none"], "--order must be all or some of the orders, got 'none'"),
        (["--strategies", "none", "--references", "none"], "there is nothing to simulate"),
        (["--workload", "dreams"], "--workload must be one of conversation, mix, clients, got 'dreams'"),
        (["--trace", "/no/such.csv"], "--trace: cannot read /no/such.csv: No such file or directory"),
        (["--trace", "pyproject.toml"], "--trace: pyproject.toml: the first line must name the columns .* TIMESTAMP"),
        (["--base-s", "-1"], "--base-s must be a number of seconds of at least 0, got -1"),
        (
            ["--base-s", "0", "--input-token-s", "0", "--output-token-s", "0"],
            "cannot be simulated: every request must take",
        ),
        (["--tasks", "1"], "Invalid value for '--tasks'"),
    ],
)
def test_what_it_cannot_use_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["simulate", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert re.match(rf"swarmpilot: .*{said}", shown.err)


def test_a_run_that_can_never_end_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--tasks", "50", "--speeds", "1", "--load", "0.5", "--event", "1s:0:down"]) == 1
    assert re.fullmatch(
        r"swarmpilot: the simulation came to a stop: \d+ jobs were never served; does an --event take .* down\?\n",
        capsys.readouterr().err,
    )
