"""GET /queue/explain, strategies of one's own and weights, over REST and on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from swarmpilot.cli import run
from tests.embedded import embedded, instance
from tests.rest_client import rest_client

MODEL = "m"
CONFIG = """
strategies: {m: "tests.unit.test_own_strategies:last"}
weights: {"localhost:9": 2.5}
"""


def test_a_waiting_task_a_started_one_and_a_stranger_are_explained() -> None:
    async def scene() -> None:
        async with embedded() as service, rest_client(service.url) as rest, instance(service, MODEL) as steered:
            for name in ("one", "two"):
                await rest.post("/queue/submit", {"model_name": MODEL, "task_input": {}, "task_id": name})
            started = (await rest.get("/queue/explain", task_id="one")).body
            assert (started["status"], started["strategy"]) == ("started", "shortest_queue")
            assert [c["ti_uuid"] for c in started["candidates"]] == [started["chosen"]]
            waiting = (await rest.get("/queue/explain", task_id="two")).body
            assert (waiting["status"], waiting["chosen"]) == ("waiting", "")
            assert waiting["candidates"][0]["completion_ms"] > waiting["candidates"][0]["execution_ms"]
            assert (await rest.get("/queue/explain", task_id="three")).status == 404
            assert (await rest.get("/queue/explain")).status == 422
            steered.gate.set()
            await service.ended("one")
            assert (await rest.get("/queue/explain", task_id="one")).body == started

    asyncio.run(scene())


def test_a_strategy_of_ones_own_is_configured_listed_and_chosen_by_name(tmp_path: Path) -> None:
    async def scene() -> None:
        config = tmp_path / "own.yaml"
        config.write_text(CONFIG)
        async with embedded(config=config) as service, rest_client(service.url) as rest:
            named = "tests.unit.test_own_strategies:last"
            listed = (await rest.get("/scheduler/strategies")).body["strategies"]
            assert [entry["name"] for entry in listed][-1] == named
            assert (await rest.post("/scheduler/set", {"name": named})).body["name"] == named
            assert (await rest.post("/scheduler/set", {"name": "tests.unit.test_own_strategies:LIMIT"})).status == 422
            assert "swarmpilot_strategy_faults 0.0" in (await rest.get("/metrics")).body

    asyncio.run(scene())


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_line_says_it_in_a_table_or_as_json(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    async def scene() -> None:
        async with embedded() as service, rest_client(service.url) as rest, instance(service, MODEL):
            await rest.post("/queue/submit", {"model_name": MODEL, "task_input": {}, "task_id": "one"})
            capsys.readouterr()  # what the service has logged so far
            arguments = ["explain", "one", "--url", service.url, *(["--json"] if as_json else [])]
            assert await asyncio.to_thread(run, arguments) == 0

    asyncio.run(scene())
    said = capsys.readouterr().out
    if as_json:
        assert json.loads(said)["status"] == "started"
    else:
        assert "shortest_queue; scores are expected completion by the number of tasks (ms)" in said
        assert "1,000.00" in said
