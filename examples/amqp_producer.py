"""A producer that publishes a task straight to RabbitMQ, and reads the answer and the end of it there.

Start the scheduler on a broker and an instance first:

    swarmpilot start --amqp amqp://guest:guest@localhost/
    swarmpilot instance --model my-model

then `AMQP_URL=amqp://guest:guest@localhost/ python examples/amqp_producer.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid

import aio_pika

# Answers to this address come back on the channel that published; it needs no queue of its own.
REPLY_TO = "amq.rabbitmq.reply-to"


async def produce(url: str, model: str) -> int:
    """Publish one SubmitTask and wait for its answer and its end; 0 where it was completed."""
    task_id = f"amqp-{uuid.uuid4().hex[:12]}"  # published twice, it is still one task
    connection = await aio_pika.connect(url)
    async with connection, asyncio.timeout(60):
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        answered: asyncio.Queue[aio_pika.abc.AbstractIncomingMessage] = asyncio.Queue()
        await (await channel.get_queue(REPLY_TO, ensure=False)).consume(answered.put, no_ack=True)

        ended: asyncio.Queue[aio_pika.abc.AbstractIncomingMessage] = asyncio.Queue()
        listening = await channel.declare_queue(exclusive=True)
        for state in ("completed", "failed", "cancelled", "expired"):
            await listening.bind("swarm.events", routing_key=f"task.{state}.#")
        await listening.consume(ended.put, no_ack=True)

        command = {
            "type": "SubmitTask",
            "model_name": model,
            "task_input": {"prompt": "What is AI?", "max_tokens": 20},
            "metadata": {"user_id": "user123"},
            "priority": 5,
            "task_id": task_id,
        }
        message = aio_pika.Message(
            json.dumps(command).encode(),
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            reply_to=REPLY_TO,
            correlation_id=task_id,
        )
        commands = await channel.get_exchange("swarm.commands", ensure=False)
        await commands.publish(message, routing_key="submit", mandatory=True)

        answer = json.loads((await answered.get()).body)
        print("answer:", answer)
        if answer["type"] != "TaskAccepted":
            return 1
        while True:
            event = await ended.get()
            for fact in json.loads(event.body):  # facts of one moment come together
                if fact["task_id"] == task_id:
                    print(f"{event.routing_key}:", fact)
                    return 0 if fact["state"] == "completed" else 1


if __name__ == "__main__":
    broker = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost/")
    sys.exit(asyncio.run(produce(broker, sys.argv[1] if len(sys.argv) > 1 else "my-model")))
