"""Fixtures of every suite: one RabbitMQ for the whole session, started when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rabbit_server import RabbitServer, obtain


@pytest.fixture(scope="session")
def rabbit() -> Iterator[RabbitServer]:
    """A running RabbitMQ. A test that stops it starts it again; queues may hold what earlier tests left."""
    server = obtain()
    try:
        yield server
    finally:
        server.close()
