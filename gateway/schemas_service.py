"""What is said over REST about the service itself (the guide, section 1), and how errors are said."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.schema_fields import Name, Request, Response


class Problem(Response):
    """Why a request was not carried out."""

    detail: str = Field(
        description="What was wrong, in words: the field, the rule and what was got, where it is about a field.",
        examples=["No TaskInstances configured for model gpt-4"],
    )


class IllPart(Response):
    """A part of the service that does not work now."""

    part: Literal["broker", "store", "scheduler", "agents", "dispatchers", "gateway"] = Field(
        description="The connection to RabbitMQ, the store, what is received for each kind of actor, or the answers to "
        "this gateway."
    )
    detail: str = Field(description="What of it: a connection or a queue; may be empty.", examples=["swarm.agent-3"])
    since: float = Field(description="Since when, in Unix seconds.")
    reason: str = Field(description="Why, in words.", examples=["connected, but nothing arrives"])


class Health(Response):
    """How the service is."""

    status: Literal["healthy", "starting", "draining", "ill"] = Field(
        description="draining: it is being stopped and takes no new tasks. ill: a part of it does not work, and it is "
        "being mended. Both with HTTP status 503."
    )
    ill: list[IllPart] = Field(description="The parts that do not work now; empty while all is well.")
    service: Literal["scheduler"] = Field(description="Always scheduler.")
    version: str = Field(description="Version of the service.", examples=["2.0.0"])
    priority_order: Literal["importance", "nice"] = Field(
        description="importance: a higher priority is more important. nice: a lower one is."
    )
    broker: Literal["up", "down"] | None = Field(description="RabbitMQ as this process sees it; null without one.")


class StrategyRequest(Request):
    """The strategy to place tasks by from now on, the order of the line for tasks that come from now on, or both."""

    name: Name | None = Field(
        None,
        description="Name of the strategy, in any spelling of it; needed unless `order` is given.",
        examples=["ShortestQueue", "round_robin"],
    )
    order: Name | None = Field(
        None, description="Name of the order among equals in importance, in any spelling.", examples=["fair"]
    )
    model_name: Name | None = Field(
        None, description="Model that it is for; without it, all that have none of their own."
    )


class StrategyResponse(Response):
    """The strategy and the order that are in force now."""

    status: Literal["success"] = Field(description="Always success; a failure is an HTTP error.")
    message: str = Field(description="The same in words.", examples=["Strategy set to round_robin"])
    name: str = Field(description="Name of the strategy.", examples=["round_robin"])
    model_name: str = Field(description="Model that it was set for; empty for all.")
    order: str = Field(description="Name of the order of the line.", examples=["priority"])


class Strategy(Response):
    """A way to choose the instance of a task."""

    name: str = Field(description="Name to set it by.", examples=["shortest_queue"])
    description: str = Field(description="How it chooses.")


class Order(Response):
    """A way to order the line of waiting tasks among equals in importance."""

    name: str = Field(description="Name to set it by.", examples=["fair"])
    description: str = Field(description="Who goes first.")


class Strategies(Response):
    """What can be chosen, and what is."""

    current: str = Field(description="Name of the strategy in force where a model has none of its own.")
    strategies: list[Strategy] = Field(description="All strategies.")
    current_order: str = Field(description="Name of the order in force where a model has none of its own.")
    orders: list[Order] = Field(description="All orders of the line.")


STRATEGIES: tuple[Strategy, ...] = (
    Strategy(name="shortest_queue", description="The instance that is expected to be done with the task first."),
    Strategy(name="round_robin", description="One instance after the other."),
    Strategy(name="weighted", description="In proportion to the instances' weights, else their capacities."),
    Strategy(name="probabilistic", description="At random, as likely as the instance is done with the task first."),
    Strategy(name="power_of_two", description="Of two instances drawn at random, the less loaded."),
    Strategy(name="least_loaded", description="The instance with fewest tasks a place."),
    Strategy(name="min_completion", description="The instance where this task is predicted to be done first."),
    Strategy(name="tail", description="The instance where this task is done earliest in 95 of 100 cases."),
    Strategy(
        name="affinity",
        description="Tasks of a session, prefix or scope to one instance, within 1.25 of the mean load.",
    ),
    Strategy(name="adaptive", description="The least loaded while execution times are being learnt, then as tail."),
)

OWN_STRATEGY = "One of your own, from the configuration."

ORDERS: tuple[Order, ...] = (
    Order(name="priority", description="In order of admission."),
    Order(name="fair", description="Users (metadata.user_id; else agents) take equal shares of the execution time."),
    Order(name="fair_agents", description="Agents take equal shares of the execution time."),
    Order(name="shortest_predicted", description="Shortest predicted execution time, with a bound on waiting."),
    Order(name="deadline", description="Earliest deadline (metadata.deadline_ms)."),
)
