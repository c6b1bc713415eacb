"""Who may run a task: pools of instances, named `model:<model_name>` or `agent:<agent_id>`."""

from __future__ import annotations

from actors.messages.scheduler import Protocol
from actors.messages.tasks import TaskSpec


def pool_of_model(model_name: str) -> str:
    """The TaskInstances registered for a model."""
    return f"model:{model_name}"


def pool_of_agent(agent_id: str) -> str:
    """The workers attached as an agent."""
    return f"agent:{agent_id}"


def agent_of_pool(pool: str) -> str | None:
    """The agent whose workers are in this pool; None for a pool of TaskInstances."""
    kind, _, name = pool.partition(":")
    return name if kind == "agent" else None


def slots_of_agent(agent_id: str) -> str:
    """The group of what runs in an agent's slots, wherever; no pool is called so."""
    return f"slots:{agent_id}"


def pool_of_instance(protocol: Protocol, model_name: str) -> str:
    """The pool that an instance belongs to; what an attached worker has for a model is its agent's pool."""
    return model_name if protocol == "worker" else pool_of_model(model_name)


def pools_for(spec: TaskSpec) -> tuple[str, ...]:
    """The pools that may run the task, best first; the first that has instances runs it.

    A task with an agent of its own runs on a worker attached as that agent, else on the instances of the
    model it names, else (gRPC, where a task need not name one) on those registered under the agent's id.
    """
    pools = [pool_of_agent(spec.agent_id)] if spec.has_own_agent else []
    if spec.model_name:
        pools.append(pool_of_model(spec.model_name))
    if spec.origin == "grpc" and spec.model_name != spec.agent_id:
        pools.append(pool_of_model(spec.agent_id))
    return tuple(pools)


def describe(pools: tuple[str, ...]) -> str:
    """The pools in words, for a reason: `model 'm' or agent 'a'`."""
    words = [f"{kind} {name!r}" for kind, _, name in (pool.partition(":") for pool in pools)]
    return " or ".join(words)
