"""What a worker is told by a RabbitMQ that does not take it."""

from __future__ import annotations

import asyncio

import pytest

from actors.messages.answers import TaskTaken
from swarmpilot.worker.amqp import AmqpTransport
from swarmpilot.worker.conversation import Disconnected
from tests.rabbit_server import RabbitServer


@pytest.mark.parametrize(
    ("account", "vhost", "said"),
    [("guest:wrong-one", "", "ACCESS_REFUSED"), ("guest:guest", "no-such", "no such vhost")],
)
def test_a_worker_that_is_refused_says_by_what(rabbit: RabbitServer, account: str, vhost: str, said: str) -> None:
    place = rabbit.url.rpartition("@")[2].rstrip("/")

    async def connect() -> None:
        async with AmqpTransport(f"amqp://{account}@{place}/{vhost}", "w").connected(lambda _: TaskTaken("t", 1)):
            pass

    with pytest.raises(Disconnected) as refusal:
        asyncio.run(connect())
    assert str(refusal.value).startswith(f"connecting to amqp://{place}/{vhost}: ")
    assert said in str(refusal.value)
    assert "wrong-one" not in str(refusal.value)
