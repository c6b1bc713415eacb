"""What is measured, how much of it, and what it has to reach."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

DeploymentName: TypeAlias = Literal["embedded", "rabbitmq", "postgresql", "rabbitmq+postgresql", "distributed"]
FigureName: TypeAlias = Literal[
    "throughput", "latency", "waiting", "memory", "recovery", "agents", "workers", "yield", "decisions"
]
Place: TypeAlias = DeploymentName | Literal["in process"]
"""Where a figure is measured: a deployment, or an actor by itself."""

DEPLOYMENTS: tuple[DeploymentName, ...] = ("embedded", "rabbitmq", "postgresql", "rabbitmq+postgresql", "distributed")
"""`distributed`: two processes of each role, over RabbitMQ and PostgreSQL."""
USUAL: tuple[DeploymentName, ...] = ("embedded", "rabbitmq")
"""Measured unless others are asked for."""
FIGURES: tuple[FigureName, ...] = (
    "throughput",
    "latency",
    "waiting",
    "memory",
    "recovery",
    "agents",
    "workers",
    "yield",
    "decisions",
)

CONNECTIONS = 64
TASK_INPUT_BYTES = 1024
OPEN_RATE = 100
"""Submits a second of the open loop."""
CORES = 2
MODEL = "bench"
WORKER_CAPACITY = 256
"""Tasks that the worker runs at once, and its agent's slots."""

DURABILITY: dict[Place, str] = {
    "embedded": "SQLite synchronous=FULL",
    "rabbitmq": "SQLite synchronous=FULL + RabbitMQ durable queues, confirms",
    "postgresql": "PostgreSQL fsync=on, synchronous_commit=on",
    "rabbitmq+postgresql": "PostgreSQL fsync=on, synchronous_commit=on + RabbitMQ durable queues, confirms",
    "distributed": "the same, two processes of each role",
    "in process": "one scheduler actor, nothing stored",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of a run. Each round of a figure is followed by one of the bare endpoint."""

    rounds: int = 3
    warm_up_tasks: int = 1500
    throughput_tasks: int = 6000
    latency_requests: int = 600
    waiting_tasks: int = 100_000
    waiting_rounds: int = 5
    waiting_round_tasks: int = 2000
    bare_requests: int = 2500
    instances: int = 2
    instance_capacity: int = 64
    worker_warm_up_tasks: int = 2000
    worker_tasks: int = 10_000
    celery_tasks: int = 5000
    agents: int = 1000
    tasks_per_agent: int = 100
    agent_rounds: int = 20
    yields: int = 400
    decision_instances: int = 64
    decision_waiting: int = 10_000
    decision_pairs: int = 10_000

    def quick(self) -> Plan:
        """A fraction of it, for a first impression: the goals for 100,000 waiting tasks are not judged by it."""
        return replace(
            self,
            rounds=2,
            warm_up_tasks=500,
            throughput_tasks=2500,
            latency_requests=200,
            waiting_tasks=8_000,
            waiting_rounds=3,
            waiting_round_tasks=1000,
            bare_requests=1200,
            worker_warm_up_tasks=1000,
            worker_tasks=4000,
            celery_tasks=2000,
            tasks_per_agent=5,
            agent_rounds=5,
            yields=100,
            decision_pairs=2500,
        )


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure has to reach: at least or at most `value`."""

    value: float
    at_least: bool

    def is_met_by(self, measured: float) -> bool:
        """Whether it is reached."""
        return measured >= self.value if self.at_least else measured <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.value:g}"


GOALS: dict[tuple[str, str], Goal] = {
    ("throughput", "embedded"): Goal(1000, at_least=True),
    ("throughput", "rabbitmq"): Goal(700, at_least=True),
    ("latency p50", "embedded"): Goal(5, at_least=False),
    ("latency p99", "embedded"): Goal(20, at_least=False),
    ("latency p50", "rabbitmq"): Goal(10, at_least=False),
    ("latency p99", "rabbitmq"): Goal(30, at_least=False),
    ("waiting", "embedded"): Goal(0.8, at_least=True),
    ("waiting", "rabbitmq"): Goal(0.8, at_least=True),
    ("memory", "embedded"): Goal(300, at_least=False),
    ("memory", "rabbitmq"): Goal(300, at_least=False),
    ("recovery", "embedded"): Goal(2, at_least=False),
    ("recovery", "rabbitmq"): Goal(2, at_least=False),
    ("recovery, many waiting", "embedded"): Goal(5, at_least=False),
    ("recovery, many waiting", "rabbitmq"): Goal(5, at_least=False),
    ("agents", "embedded"): Goal(0.8, at_least=True),
    ("agents", "rabbitmq"): Goal(0.8, at_least=True),
    ("workers", "rabbitmq"): Goal(1.0, at_least=True),
    ("workers together", "rabbitmq"): Goal(1.0, at_least=True),
    ("yield p50", "embedded"): Goal(10, at_least=False),
    ("yield p99", "embedded"): Goal(30, at_least=False),
    ("yield p50", "rabbitmq"): Goal(20, at_least=False),
    ("yield p99", "rabbitmq"): Goal(60, at_least=False),
    ("decisions", "in process"): Goal(20_000, at_least=True),
}

POSTGRESQL_SHARE = 0.8
"""Of the throughput over SQLite, what PostgreSQL has to reach; all other goals are the same. Two processes of each role
have to reach it of what the single process over RabbitMQ does in the same run, where that is measured."""

for (figure, place), goal in list(GOALS.items()):
    if place in USUAL:
        other = "postgresql" if place == "embedded" else "rabbitmq+postgresql"
        share = POSTGRESQL_SHARE if figure == "throughput" else 1.0
        GOALS[figure, other] = Goal(goal.value * share, goal.at_least)
        if place == "rabbitmq":
            GOALS[figure, "distributed"] = GOALS[figure, other]
