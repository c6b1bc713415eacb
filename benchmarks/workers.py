"""The figure `workers`: from an AMQP producer through the service to an attached worker and a durable result.

Measured in turn with the same producer publishing bare messages to a durable queue with one consumer, and with Celery
where a Python that has it is named. All move the same 1 KiB a task, through the same RabbitMQ.
"""

from __future__ import annotations

import os
import time
import urllib.error
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple
from uuid import uuid4

import msgspec

from benchmarks.bare_consumer import Consumed
from benchmarks.children import Child, Children, wait_until
from benchmarks.deployment import Deployment, cpu_s
from benchmarks.figures import Row, Say
from benchmarks.plan import GOALS, WORKER_CAPACITY, Plan
from benchmarks.publisher import Published, PublishOrder

AGENT = "bench"
TOGETHER = 100
"""Tasks a message, where there are several."""
POLL_S = 0.02
ROUND_TIMEOUT_S = 300.0


def measure_workers(service: Deployment, amqp: str, celery: str | None, plan: Plan, say: Say) -> list[Row]:
    """Tasks a second over bare messages a second, of rounds that follow each other: a task a message, and many."""
    bench = _Rounds(service, service.start_worker(AGENT, WORKER_CAPACITY, amqp), amqp)
    bench.run(plan.worker_warm_up_tasks, TOGETHER)
    rival = Celery(service.children, celery, amqp) if celery else None
    single, together, bares, rivals = list[Round](), list[Round](), list[float](), list[float]()
    for _ in range(plan.rounds):
        single.append(bench.run(plan.worker_tasks, 1))
        bares.append(_run_bare(service.children, amqp, plan.worker_tasks))
        together.append(bench.run(plan.worker_tasks, TOGETHER))
        if rival:
            rivals.append(rival.run(plan.celery_tasks))
        beside = f"; Celery {rivals[-1]:.0f}/s" if rivals else ""
        say(f"{single[-1]}; {TOGETHER} a message: {together[-1]}; bare messages {bares[-1]:.0f}/s{beside}")
    if rival:
        rival.end()
    bench.worker.end()
    beside = f"; Celery {median(rivals):.0f}/s ({median(rivals) / median(bares):.2f} x bare)" if rivals else ""
    note = f"bare {median(bares):.0f}/s{beside}"
    return [
        _row("workers", service, single, bares, f"a task a message: {{}}; {note}"),
        _row("workers together", service, together, bares, f"{TOGETHER} tasks a message: {{}}; {note}"),
    ]


def _row(figure: str, service: Deployment, rounds: Sequence[Round], bares: Sequence[float], note: str) -> Row:
    ratios = [one.rate / bare for one, bare in zip(rounds, bares, strict=True)]
    measured, goal = median(ratios), GOALS[figure, service.name]
    usual = Round(*(median(column) for column in zip(*rounds, strict=True)))
    return Row(figure, service.name, measured, "x", goal, goal.is_met_by(measured), ratios, None, note.format(usual))


class Round(NamedTuple):
    """Tasks a second, and processor time a task of each process (µs)."""

    rate: float
    scheduler_us: float
    worker_us: float
    producer_us: float

    def __str__(self) -> str:
        costs = f"scheduler {self.scheduler_us:.0f} µs, worker {self.worker_us:.0f}, producer {self.producer_us:.0f}"
        return f"{self.rate:.0f} tasks/s, processor a task: {costs}"


class _Rounds:
    """Runs tasks on the service, round after round."""

    def __init__(self, service: Deployment, worker: Child, amqp: str) -> None:
        self.worker = worker
        self._service = service
        self._amqp = amqp
        self._total = 0

    def run(self, tasks: int, together: int) -> Round:
        """Publish so many, and wait until the end of the last is on record."""
        self._total += tasks
        used = self._service.cpu_s, cpu_s(self.worker)
        last = f"last-{uuid4().hex}"
        order = PublishOrder(
            amqp=self._amqp,
            kind="tasks",
            messages=tasks // together,
            together=together,
            agent=AGENT,
            last_id=last,
        )
        producer = _publish(self._service.children, order)
        published = msgspec.json.decode(producer.output(ROUND_TIMEOUT_S), type=Published)
        elapsed_s = self._until_ended(last) - published.began_at
        spent = self._service.cpu_s - used[0], cpu_s(self.worker) - used[1], published.cpu_s
        return Round(tasks / elapsed_s, *(seconds * 1e6 / tasks for seconds in spent))

    def _until_ended(self, last: str) -> float:
        """When all have ended, seen by the last that was published and then by their number.

        Only the store is asked: what the scheduler is asked waits behind all that was published before.
        """
        wait_until("the last task has ended", lambda: self._has_ended(last), ROUND_TIMEOUT_S, POLL_S)
        deadline = time.monotonic() + ROUND_TIMEOUT_S
        while True:
            now, counts = time.monotonic(), self._service.counts()
            if counts == {"completed": self._total}:
                return now
            if now > deadline:
                raise TimeoutError(f"not all of {self._total} tasks have ended: {counts}")
            time.sleep(POLL_S)

    def _has_ended(self, task_id: str) -> bool:
        try:
            return bool(self._service.get(f"/task/query?task_id={task_id}")["state"] == "completed")
        except urllib.error.HTTPError as error:
            if error.code != 404:  # it is not admitted yet
                raise
            return False


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
