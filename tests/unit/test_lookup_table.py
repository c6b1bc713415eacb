"""Tables of execution times: read with clear complaints, and interpolated."""

from __future__ import annotations

import json

import pytest

from actors.messages.tasks import Features
from actors.scheduler.prediction import LookupTable, TableError, parse_table

TABLE = """task_kind,input_tokens,max_tokens,q05_ms,q50_ms,q95_ms,mean_ms,std_ms
chat,100,10,50,100,200,110,40
chat,300,10,150,300,600,330,120
chat,100,20,100,200,400,220,80
,,,1,10,100,20,30
"""


def table(text: str = TABLE) -> LookupTable:
    return parse_table(text, is_json=False)


def median(features: Features | None, of: LookupTable) -> float:
    """The median (ms) of such tasks."""
    times = of.look_up(features)
    assert times is not None
    return times.q50_ms


def test_a_row_is_met_exactly() -> None:
    assert table().look_up(Features("chat", 100.0, 10.0)) == (110.0, 40.0, 50.0, 100.0, 200.0)


@pytest.mark.parametrize(
    ("taken_in", "output", "expected"),
    [
        (200.0, 10.0, 200.0),
        (100.0, 15.0, 150.0),
        (200.0, 15.0, 200.0),
        (0.0, 10.0, 100.0),
        (1e6, 10.0, 300.0),
        (100.0, 1.0, 100.0),
        (100.0, 1e6, 200.0),
    ],
)
def test_between_rows_it_is_linear_and_beyond_them_constant(taken_in: float, output: float, expected: float) -> None:
    assert median(Features("chat", taken_in, output), table()) == pytest.approx(expected)


def test_a_size_that_is_not_stated_is_the_middle_one() -> None:
    assert median(Features("chat", max_tokens=10.0), table()) == 300.0
    assert median(Features("chat"), table()) == 200.0


def test_kinds_without_rows_have_the_rows_of_no_kind_where_there_are_any() -> None:
    assert median(Features("image", 100.0, 10.0), table()) == 10.0
    assert median(None, table()) == 10.0
    assert table("task_kind,q50_ms,q95_ms\nchat,1,2\n").look_up(None) is None


def test_the_order_of_rows_does_not_matter_and_json_says_the_same() -> None:
    header, *rows = TABLE.splitlines()
    turned = table("\n".join([header, *reversed(rows)]))
    objects = [dict(zip(header.split(","), row.split(","), strict=True)) for row in rows]
    numbers = [{name: v if name == "task_kind" else float(v or 0) for name, v in row.items()} for row in objects]
    of_json = parse_table(json.dumps(numbers), is_json=True)
    for asked in (None, Features("chat", 222.0, 13.0), Features("chat", 50.0, 18.0)):
        assert turned.look_up(asked) == of_json.look_up(asked) == table().look_up(asked)


def test_what_is_left_out_is_as_in_a_lognormal_distribution() -> None:
    times = table("q50_ms,q95_ms\n100,200\n").look_up(None)
    assert times is not None
    assert times.q05_ms == pytest.approx(50.0)
    assert times.mean_ms == pytest.approx(109.3, rel=0.01)
    assert times.std_ms == pytest.approx(48.0, rel=0.02)
    assert table("q50_ms,q95_ms\n100,100\n").look_up(None) == (100.0, 0.0, 100.0, 100.0, 100.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "there must be at least one row"),
        ("q50_ms,q95_ms\n", "there must be at least one row"),
        ("q50_ms\n1\n", "line 2: `q95_ms` must be given"),
        ("q50_ms,q95_ms\n1,\n", "line 2: `q95_ms` must be given"),
        ("q50_ms,q95_ms,colour\n1,2,red\n", "line 2: unknown column 'colour'; known are task_kind, input_tokens, .*"),
        ("q50_ms,q95_ms\n1,2\n1,2,3\n", "line 3: must have 2 values, as the header has"),
        ("q50_ms,q95_ms\n1\n", "line 2: must have 2 values, as the header has"),
        ("q50_ms,q95_ms\n1,x\n", "line 2: `q95_ms` must be a number from 0 to 1e\\+12; got 'x'"),
        ("q50_ms,q95_ms\n1,nan\n", "line 2: `q95_ms` must be a number .* got 'nan'"),
        ("q50_ms,q95_ms\n1,1e400\n", "line 2: `q95_ms` must be a number .* got '1e400'"),
        ("max_tokens,q50_ms,q95_ms\n-1,1,2\n", "line 2: `max_tokens` must be a number .* got '-1'"),
        ("q50_ms,q95_ms\n2,1\n", "line 2: must be 0 < q05_ms <= q50_ms <= q95_ms; got 4, 2, 1"),
        ("q50_ms,q95_ms\n0,0\n", "line 2: must be 0 < q05_ms <= q50_ms <= q95_ms; got 0, 0, 0"),
        ("q05_ms,q50_ms,q95_ms\n0,1,2\n", "line 2: must be 0 < q05_ms .*; got 0, 1, 2"),
        ("mean_ms,q50_ms,q95_ms\n0,1,2\n", "line 2: `mean_ms` must be above 0"),
        ("q50_ms,q95_ms\n1,2\n3,4\n", "line 3: the same kind and sizes as line 2"),
    ],
)
def test_a_csv_table_that_cannot_be_used_is_told_where_and_why(text: str, complaint: str) -> None:
    with pytest.raises(TableError, match=f"^{complaint}$"):
        table(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", r"must be JSON \(.*\)"),
        ("{}", "must be a JSON array of objects, one for each row"),
        ("[1]", "row 1: must be an object"),
        ('[{"q50_ms": 1, "q95_ms": true}]', "row 1: `q95_ms` must be a number from 0 to .* got True"),
        ('[{"q50_ms": 1, "q95_ms": NaN}]', "row 1: `q95_ms` must be a number from 0 to .* got nan"),
        ('[{"q50_ms": 1, "q95_ms": 2, "task_kind": 5}]', "row 1: `task_kind` must be a text; got 5"),
        ('[{"q50_ms": 1, "q95_ms": 2}, {"q50_ms": 1}]', "row 2: `q95_ms` must be given"),
        ("[" * 100_000, r"must be JSON \(.*\)"),
    ],
)
def test_a_json_table_that_cannot_be_used_is_told_where_and_why(text: str, complaint: str) -> None:
    with pytest.raises(TableError, match=f"^{complaint}$"):
        parse_table(text, is_json=True)
