"""Every store the contract is tested on, opened for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.store_rigs import ALL, DURABLE, Bench


@pytest.fixture(params=ALL)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(ALL[request.param](tmp_path))
    yield bench
    bench.close()


@pytest.fixture(params=DURABLE)
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(DURABLE[request.param](tmp_path))
    yield bench
    bench.close()
