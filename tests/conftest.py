"""Fixtures of every suite: one RabbitMQ and one PostgreSQL a session, started when a test first asks for it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tests import postgres_server as postgres_server_module
from tests.postgres_server import PostgresServer
from tests.rabbit_queues import delete_queues
from tests.rabbit_server import RabbitServer, obtain

pytest_plugins = ["tests.crashed_workers"]

HERE = Path(__file__).parent

settings.register_profile("swarmpilot", deadline=None)  # how fast a test runs says nothing here
settings.load_profile("swarmpilot")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs us in the background has it ignored, and every program that is tested would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def rabbit_server() -> Iterator[RabbitServer]:
    """A running RabbitMQ. A test that stops it starts it again."""
    server = obtain()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL. A test that stops it starts it again."""
    postgres = postgres_server_module.obtain()
    try:
        yield postgres
    finally:
        postgres.close()


@pytest.fixture
def rabbit(rabbit_server: RabbitServer) -> RabbitServer:
    """The running RabbitMQ, without anything that earlier tests left in its queues."""
    asyncio.run(delete_queues(rabbit_server.url))
    return rabbit_server


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A test that runs a command in this process sets up its logs: the next test must not inherit them."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


LONGEST_FIRST = ("storm", "deterministic", "properties", "scenarios", "contracts", "unit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that nobody waits for one long file alone at the end."""
    order = {folder: place for place, folder in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.relative_to(HERE).parts[0], len(order)))
