"""The whole way of a task with the client: look, submit, wait, read; one task, many tasks, and what goes wrong.

Start a scheduler and an instance first, each in a terminal of its own:

    swarmpilot start
    swarmpilot instance --model my-model --capacity 4 --speed 10

then `python examples/basic_usage.py`.
"""

from __future__ import annotations

import asyncio
import os
import sys

from swarmpilot import AsyncClient, Client, NoInstances, SchedulerError, SubmittedTask, TaskFailed

MODEL = "my-model"


def one_task(client: Client) -> None:
    """Submit, then ask for the result whenever it suits."""
    submitted = client.submit(MODEL, {"prompt": "What is AI?", "max_tokens": 100}, priority="high")
    print(f"submitted {submitted.task_id}, meant for instance {submitted.scheduled_ti}")
    try:
        print("result:", client.result(submitted.task_id, timeout_s=60))
    except TaskFailed as failure:
        print("failed:", failure.record.failure)


def many_tasks(client: Client) -> None:
    """Submit a hundred tasks with one request; each is accepted or refused on its own."""
    inputs = [{"prompt": f"Question {number}", "max_tokens": 10} for number in range(100)]
    answers = client.submit_many(MODEL, inputs, metadata={"batch": "demo"}, priority="low")
    accepted = [answer for answer in answers if isinstance(answer, SubmittedTask)]
    records = [client.wait(task.task_id) for task in accepted]
    print(f"{len(records)} ended, {sum(record.has_failed for record in records)} of them failed")


async def many_at_once(url: str) -> None:
    """The same from an event loop: fifty tasks under way at once."""
    async with AsyncClient(url) as client:
        work = [client.run(MODEL, {"prompt": f"Question {number}", "max_tokens": 10}) for number in range(50)]
        results = await asyncio.gather(*work)
    print(f"{len(results)} results, {sum(result['tokens_used'] for result in results)} tokens")


def main() -> int:
    """Everything, one after the other; 1 where there is no scheduler or no instance."""
    with Client(os.environ.get("SWARMPILOT_URL", "http://127.0.0.1:8102")) as client:
        try:
            print("scheduler:", client.health().status)
            for queue in client.queues(MODEL):
                print(f"{queue.host}:{queue.port} would let a task wait {queue.waiting_ms:.0f} ms")
            one_task(client)
            many_tasks(client)
            asyncio.run(many_at_once(client.url))
        except NoInstances as problem:
            print(f"{problem}; start one: swarmpilot instance --model {MODEL}", file=sys.stderr)
            return 1
        except SchedulerError as problem:
            print(problem, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
