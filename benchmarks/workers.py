"""The figure `workers`: from an AMQP producer through the service to an attached worker and a durable result.

Measured in turn with the same producer publishing bare messages to a durable queue with one consumer, and with Celery
where a Python that has it is named. All three move the same 1 KiB a task, through the same RabbitMQ.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from statistics import median
from uuid import uuid4

import msgspec

from benchmarks.bare_consumer import Consumed
from benchmarks.children import Child, Children, wait_until
from benchmarks.deployment import Deployment, cpu_s
from benchmarks.figures import Row, Say
from benchmarks.plan import GOALS, WORKER_CAPACITY, Plan
from benchmarks.publisher import Published, PublishOrder

AGENT = "bench"
POLL_S = 0.02
ROUND_TIMEOUT_S = 300.0


def measure_workers(service: Deployment, amqp: str, celery: str | None, plan: Plan, say: Say) -> list[Row]:
    """Tasks a second over bare messages a second, of rounds that follow each other."""
    worker = service.start_worker(AGENT, WORKER_CAPACITY, amqp)
    total = plan.worker_warm_up_tasks
    _run_tasks(service, amqp, total, total)
    rates, bares, costs, rivals = list[float](), list[float](), list[list[float]](), list[float]()
    rival = Celery(service.children, celery, amqp) if celery else None
    for _ in range(plan.rounds):
        total += plan.worker_tasks
        used = service.cpu_s, cpu_s(worker)
        rate, producer = _run_tasks(service, amqp, plan.worker_tasks, total)
        spent = service.cpu_s - used[0], cpu_s(worker) - used[1], producer.cpu_s
        costs.append([seconds * 1e6 / plan.worker_tasks for seconds in spent])
        rates.append(rate)
        bares.append(_run_bare(service.children, amqp, plan.worker_tasks))
        if rival:
            rivals.append(rival.run(plan.celery_tasks))
        celery_said = f"; Celery {rivals[-1]:.0f}/s" if rivals else ""
        say(f"{rate:.0f} tasks/s; bare messages {bares[-1]:.0f}/s{celery_said}; {_costs(costs[-1:])}")
    if rival:
        rival.end()
    worker.end()
    ratios = [rate / bare for rate, bare in zip(rates, bares, strict=True)]
    beside = f"; Celery {median(rivals):.0f}/s ({median(rivals) / median(bares):.2f} x bare)" if rivals else ""
    note = f"{median(rates):.0f} tasks/s; bare {median(bares):.0f}/s{beside}; {_costs(costs)}"
    goal = GOALS["workers", service.name]
    measured = median(ratios)
    return [Row("workers", service.name, measured, "x", goal, goal.is_met_by(measured), ratios, None, note)]


class Celery:
    """A Celery worker as its documentation starts one, prefork, on a durable queue of its own; no results are kept."""

    def __init__(self, children: Children, python: str, amqp: str) -> None:
        self._children = children
        self._python = python
        self._counted = children.directory / f"celery-{uuid4().hex[:8]}"
        self._counted.touch()
        self._environment = {**os.environ, "BENCH_AMQP": amqp, "BENCH_COUNT": str(self._counted)}
        self._worker = self._start("celery", "-A", "benchmarks.celery_tasks", "worker", "--loglevel", "WARNING")
        ready = self._counted.with_name(f"{self._counted.name}.ready")
        wait_until("Celery is ready", ready.exists)

    def run(self, tasks: int) -> float:
        """Tasks a second from the first publish to the end of the last."""
        before = self._counted.stat().st_size
        publisher = self._start("benchmarks.celery_publisher", str(tasks))
        published = msgspec.json.decode(publisher.output(ROUND_TIMEOUT_S), type=Published)
        ended = before + tasks
        wait_until("Celery is done", lambda: self._counted.stat().st_size >= ended, ROUND_TIMEOUT_S, POLL_S)
        return tasks / (time.monotonic() - published.began_at)

    def end(self) -> None:
        """Stop the worker."""
        self._worker.end()

    def _start(self, module: str, *arguments: str) -> Child:
        return self._children.start(module, *arguments, python=self._python, environment=self._environment)


def _run_tasks(service: Deployment, amqp: str, tasks: int, total: int) -> tuple[float, Published]:
    """Tasks a second from the first publish to the record of the last end; `total` counts those of earlier rounds."""
    producer = _publish(service.children, PublishOrder(amqp=amqp, kind="tasks", messages=tasks, agent=AGENT))
    published = msgspec.json.decode(producer.output(ROUND_TIMEOUT_S), type=Published)
    deadline = time.monotonic() + ROUND_TIMEOUT_S
    while True:
        queues = service.get("/queue/info")
        now = time.monotonic()
        if queues["waiting_total"] + queues["running_total"] == 0 and service.counts() == {"completed": total}:
            return tasks / (now - published.began_at), published
        if now > deadline:
            raise TimeoutError(f"not all of {total} tasks have ended: {service.counts()}")
        time.sleep(POLL_S)


def _run_bare(children: Children, amqp: str, messages: int) -> float:
    """Messages a second from the first publish to the last acknowledgement."""
    queue = f"bench-{uuid4().hex[:8]}"
    consumer = children.start("benchmarks.bare_consumer", amqp, queue, str(messages))
    consumer.announced("consuming")
    producer = _publish(children, PublishOrder(amqp=amqp, kind="bare", messages=messages, queue=queue))
    published = msgspec.json.decode(producer.output(ROUND_TIMEOUT_S), type=Published)
    consumed = msgspec.json.decode(consumer.output(ROUND_TIMEOUT_S), type=Consumed)
    return messages / (consumed.ended_at - published.began_at)


def _publish(children: Children, order: PublishOrder) -> Child:
    return children.start("benchmarks.publisher", msgspec.json.encode(order).decode())


def _costs(rounds: Sequence[Sequence[float]]) -> str:
    scheduler, worker, producer = (median(column) for column in zip(*rounds, strict=True))
    return f"processor a task: scheduler {scheduler:.0f} µs, worker {worker:.0f}, producer {producer:.0f}"
