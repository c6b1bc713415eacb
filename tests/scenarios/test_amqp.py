"""A producer that speaks only AMQP, against the whole service: from its command to the end of its task."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from pamqp.commands import Basic

from swarmpilot import Client
from tests.contracts.broker_rigs import Stranger
from tests.rabbit_server import RabbitServer
from tests.scenarios.processes import World, eventually


class Producer(Stranger):
    """Publishes commands and tells answers from facts."""

    async def ask(self, command: dict[str, Any], correlation: str) -> dict[str, Any]:
        """The answer to a command."""
        properties = Basic.Properties(reply_to=self.queue, correlation_id=correlation)
        await self.channel.basic_publish(
            json.dumps(command).encode(),
            exchange="swarm.commands",
            routing_key=command["type"],
            properties=properties,
            mandatory=True,
        )
        message = await self.next()
        assert message.header.properties.correlation_id == correlation
        answer: dict[str, Any] = json.loads(message.body)
        return answer


def test_a_task_published_straight_to_rabbitmq_runs_once_and_its_facts_are_told(
    tmp_path: Path, rabbit: RabbitServer
) -> None:
    async def story() -> None:
        async with Producer(rabbit.url) as producer, Stranger(rabbit.url) as listener:
            await listener.channel.queue_bind(listener.queue, "swarm.events", routing_key="task.completed.#")
            submit = {"type": "SubmitTask", "model_name": "m", "task_id": "job-1", "task_input": {"service_ms": 1}}
            accepted = await producer.ask(submit, "1")
            again = await producer.ask(submit, "2")
            other = await producer.ask({**submit, "task_input": {}}, "3")
            invalid = await producer.ask({**submit, "priority": 21}, "4")
            assert (accepted["type"], accepted["task_id"]) == ("TaskAccepted", "job-1")
            assert (again["type"], again["task_id"]) == ("TaskAccepted", "job-1")
            assert (other["type"], other["code"]) == ("Refused", "conflict")
            assert (invalid["type"], invalid["code"]) == ("Refused", "invalid")
            assert "priority" in invalid["reason"]
            [fact] = json.loads((await listener.next()).body)
            assert (fact["task_id"], fact["state"]) == ("job-1", "completed")

    with World(tmp_path, amqp=rabbit.url) as world:
        world.start_scheduler()
        world.start_instance("m")
        asyncio.run(story())
        assert world.query("job-1")["task_status"] == "completed"


def test_what_nobody_can_read_is_a_dead_letter_of_the_service(tmp_path: Path, rabbit: RabbitServer) -> None:
    submit = {"type": "SubmitTask", "model_name": "m", "task_id": "job-1", "task_input": {}, "priority": 21}

    async def publish() -> None:
        async with Producer(rabbit.url) as producer:
            assert (await producer.ask(submit, "1"))["code"] == "invalid"

    with World(tmp_path, amqp=rabbit.url) as world, Client(world.url) as client:
        world.start_scheduler()
        asyncio.run(publish())
        [letter] = eventually(client.dead_letters)
        assert (letter.kind, letter.name, letter.task_id, letter.to) == (
            "command",
            "SubmitTask",
            "job-1",
            "swarm.scheduler",
        )
        assert "priority" in letter.reason
        assert world.scheduler is not None
        world.scheduler.kill()
        world.start_scheduler()
        whole = client.dead_letter(letter.id)
        assert (whole.message, [reason for _, reason in whole.failures]) == (submit, [letter.reason])
        assert client.replay(letter.id).outcome == "failed", "nothing has changed"
        assert [each.id for each in client.dead_letters()] == [letter.id]
