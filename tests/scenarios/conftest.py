"""What scenarios are run with: both ways in which workers connect."""

from __future__ import annotations

import pytest

from tests.rabbit_server import RabbitServer


@pytest.fixture(params=["websocket", "rabbitmq"])
def amqp(request: pytest.FixtureRequest) -> str | None:
    """The broker that workers and scheduler use; None where workers connect to the gateway."""
    if request.param == "websocket":
        return None
    server: RabbitServer = request.getfixturevalue("rabbit")
    return server.url
