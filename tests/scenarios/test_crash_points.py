"""Death at each named point of the step, on real processes: what was acknowledged ends exactly once after a restart.

The cases run side by side, those with a broker after each other; each test awaits its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from actors.crash_points import CRASHED, POINTS
from tests.postgres_server import PostgresServer
from tests.rabbit_server import RabbitServer
from tests.scenarios.crash_cases import DEPLOYMENTS, OUT_OF_REACH, Case, cases
from tests.scenarios.crash_lane import Lane
from tests.scenarios.forked import Nursery
from tests.scenarios.processes import ROOT


@pytest.fixture(scope="module")
def results(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    rabbit_server: RabbitServer,
    postgres_server: PostgresServer,
) -> Iterator[dict[str, Future[None]]]:
    """What comes of each case that was asked for."""
    folder = tmp_path_factory.mktemp("crashes")
    nursery = Nursery()
    chosen = [_parameters(item).get("case") for item in request.session.items]
    alone, over_rabbitmq = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
    pools = {"embedded": alone, "rabbitmq": over_rabbitmq, "postgres": over_rabbitmq}
    lanes = {
        "embedded": Lane(nursery, folder / "embedded", None),
        "rabbitmq": Lane(nursery, folder / "rabbitmq", rabbit_server.url),
        "postgres": Lane(nursery, folder / "postgres", rabbit_server.url, postgres_server),
    }
    yield {
        str(case): pools[case.deployment].submit(lanes[case.deployment].perform, case)
        for case in chosen
        if isinstance(case, Case)
    }
    for pool in (alone, over_rabbitmq):
        pool.shutdown(cancel_futures=True)
    nursery.close()


def _parameters(item: pytest.Item) -> dict[str, object]:
    parameters: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    return parameters


@pytest.mark.parametrize("case", cases(), ids=str)
def test_everything_acknowledged_ends_once(case: Case, results: dict[str, Future[None]]) -> None:
    results[str(case)].result(120)


def test_every_point_is_walked_in_every_deployment() -> None:
    walked = {
        where: {case.deaths[-1].partition(":")[0] for case in cases() if case.deployment == where}
        for where in DEPLOYMENTS
    }
    assert all(points | OUT_OF_REACH.get(where, set()) == set(POINTS) for where, points in walked.items())


def test_the_command_line_dies_where_the_environment_says(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "swarmpilot", "start", "--port", "0", "--grpc-port", "-1"]
    store = f"sqlite:///{tmp_path / 'tasks.db'}"

    def start(crash_at: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "SWARMPILOT_STORE": store, "SWARMPILOT_CRASH_AT": crash_at}
        return subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    assert start("start.leased").returncode == CRASHED
    refused = start("commit.somewhere")
    assert refused.returncode == 2
    assert "crash_at: must be NAME or NAME:N" in refused.stderr
