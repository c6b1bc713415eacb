"""The parts of a process as the settings want them: its broker, its couriers, and how its actors behave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from actors.addresses import ActorKind
from actors.agent import AgentPolicy, agent_behaviour
from actors.agent_lifecycle import LifecycleState
from actors.asker import AskerOfMany
from actors.behaviour import AnyBehaviour
from actors.broker import Broker
from actors.brokers.local import LocalBroker
from actors.courier import Courier
from actors.couriers.by_protocol import CourierByProtocol
from actors.couriers.http import HttpCourier
from actors.couriers.worker import WorkerCourier
from actors.dispatcher import DispatcherPolicy, dispatcher_behaviour
from actors.messages import Message
from actors.messages.scheduler import SetStrategy
from actors.retention import DAY_S
from actors.scheduler import LineRules, PlacementRules, PreemptionRules, SchedulerPolicy, scheduler_behaviour
from actors.scheduler.instance import plain_address
from actors.scheduler.order_names import ORDERS, find_order
from actors.scheduler.prediction import LookupTable, TableError, parse_table
from actors.scheduler.strategies import STRATEGIES, find_strategy
from actors.scheduler.strategies.own import own_strategy
from actors.settings import Settings
from actors.store import TaskReader
from actors.vitals import Vitals
from gateway.config_file import ConfigError, ConfigFile, read_table
from gateway.own_strategies import find_function
from gateway.translate_amqp import commands_from_amqp
from rabbitmq import RabbitBroker


def make_broker(s: Settings, vitals: Vitals) -> Broker:
    """The broker that the settings name; one within the process where they name none."""
    if s.amqp is None:
        return LocalBroker(shards=s.shards)
    return RabbitBroker(
        s.amqp,
        shards=s.shards,
        translate=translation(s),
        queue_type=s.queue_type,
        canary_s=s.canary_s,
        vitals=vitals,
    )


def translation(s: Settings) -> Callable[[bytes, Mapping[str, object]], list[Message]]:
    """How what producers publish is read."""
    return partial(commands_from_amqp, order=s.priority_order, shutdown_grace_s=s.agent_shutdown_grace_s)


def make_courier(s: Settings, asker: AskerOfMany, reader: TaskReader) -> Courier:
    """Who speaks to instances over HTTP and, through `asker`, to attached workers."""
    http = HttpCourier(
        reader,
        push_timeout_s=s.push_timeout_s,
        probe_timeout_s=s.probe_timeout_s,
        callback_timeout_s=s.callback_timeout_s,
    )
    workers = WorkerCourier(
        asker,
        reader,
        shards=s.shards,
        push_timeout_s=s.push_timeout_s,
        probe_timeout_s=s.probe_timeout_s,
    )
    return CourierByProtocol(http, workers)


def behaviours(s: Settings, config: ConfigFile) -> dict[ActorKind, AnyBehaviour]:
    """The three kinds of actor under these settings. Raises ConfigError."""
    slots_of = {agent_id: entry.slots for agent_id, entry in config.agents.items()}
    return {
        "scheduler": scheduler_behaviour(
            SchedulerPolicy(
                s.agent_slots,
                slots_of,
                s.activity_per_agent,
                s.activity_total,
                PreemptionRules(s.preempt_limit, s.preempt_min_run_s),
                prediction_tables(config),
                LineRules(s.default_deadline_s, config.shares, s.aging_s, s.aging_to),
                placement_rules(s, config),
            )
        ),
        "agent": agent_behaviour(
            AgentPolicy(
                max_attempts=s.max_attempts,
                retry_delay_s=s.retry_delay_s,
                retry_delay_max_s=s.retry_delay_max_s,
                run_timeout_s=s.run_timeout_s,
                preempt_grace_s=s.preempt_grace_s,
                terminate_grace_s=s.terminate_grace_s,
                callback_attempts=s.callback_attempts,
                ended_kept_s=s.retention_days * DAY_S,
                lifecycle_timeouts={
                    LifecycleState.INITIALIZING: s.agent_initializing_timeout_s,
                    LifecycleState.WAITING_RESOURCES: s.agent_waiting_resources_timeout_s,
                    LifecycleState.SUSPENDED: s.agent_suspended_timeout_s,
                    LifecycleState.RECOVERING: s.agent_recovering_timeout_s,
                },
            )
        ),
        "dispatcher": dispatcher_behaviour(
            DispatcherPolicy(
                probe_interval_s=s.probe_interval_s,
                probe_timeout_s=s.probe_timeout_s,
                probe_failures=s.probe_failures,
                push_retries=s.push_retries,
            )
        ),
    }


def placement_rules(s: Settings, config: ConfigFile) -> PlacementRules:
    """What placement strategies go by, with the users' own ones that the configuration names. Raises ConfigError."""
    named = {"strategy": s.strategy or config.strategy or ""}
    named |= {f"strategies.{model_name}": name for model_name, name in config.strategies.items()}
    own = {
        name: own_strategy(name, find_function(name, f"field `{field}`"))
        for field, name in named.items()
        if ":" in name
    }
    weights = {plain_address(address): weight for address, weight in config.weights.items()}
    return PlacementRules(weights, own, s.explain_starts, s.explain_instances)


def prediction_tables(config: ConfigFile) -> dict[str, LookupTable]:
    """The tables of execution times that the configuration names, by model. Raises ConfigError."""
    tables = {}
    for model_name, entry in config.predictions.items():
        text = read_table(model_name, entry.table)
        try:
            tables[model_name] = parse_table(text, is_json=entry.table.suffix.lower() == ".json")
        except TableError as error:
            raise ConfigError(f"field `predictions.{model_name}.table`: {entry.table}: {error}") from error
    return tables


def chosen_strategies(s: Settings, config: ConfigFile) -> list[SetStrategy]:
    """The strategies and orders that the configuration names. Raises ConfigError."""
    everywhere = s.strategy or config.strategy
    strategies = ({"": everywhere} if everywhere else {}) | config.strategies
    orders = ({"": config.order} if config.order else {}) | config.orders
    for name in strategies.values():
        if ":" not in name and find_strategy(name) is None:
            raise ConfigError(f"strategy: must be one of {', '.join(STRATEGIES)} or module:function; got {name!r}")
    for name in orders.values():
        if find_order(name) is None:
            raise ConfigError(f"order: must be one of {', '.join(ORDERS)}; got {name!r}")
    chosen = [SetStrategy(name, model_name) for model_name, name in strategies.items()]
    return chosen + [SetStrategy("", model_name, order=name) for model_name, name in orders.items()]
