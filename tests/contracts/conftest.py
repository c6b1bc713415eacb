"""Every store the contract is tested on, opened for one test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from actors.stores import open_store
from tests.contracts.store_rigs import ALL, DURABLE, Bench, store_url


@pytest.fixture
def store_settings() -> dict[str, Any]:
    """What `open_store` is told beside the URL; a test that wants other settings overrides it."""
    return {}


@pytest.fixture(params=ALL)
def bench(request: pytest.FixtureRequest, tmp_path: Path, store_settings: dict[str, Any]) -> Iterator[Bench]:
    with opened(request, tmp_path, store_settings) as bench:
        yield bench


@pytest.fixture(params=DURABLE)
def durable(request: pytest.FixtureRequest, tmp_path: Path, store_settings: dict[str, Any]) -> Iterator[Bench]:
    with opened(request, tmp_path, store_settings) as bench:
        yield bench


@contextmanager
def opened(request: pytest.FixtureRequest, folder: Path, settings: dict[str, Any]) -> Iterator[Bench]:
    with store_url(request.param, folder, lambda: request.getfixturevalue("postgres_server")) as url:
        bench = Bench(url, partial(open_store, **settings))
        try:
            yield bench
        finally:
            bench.close()
