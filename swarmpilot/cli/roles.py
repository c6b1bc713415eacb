"""`swarmpilot gateway`, `scheduler` and `dispatchers`: one part of the service each; `agents` is in agents.py."""

from __future__ import annotations

from swarmpilot.cli.serving import (
    Config,
    GrpcPort,
    HealthPort,
    Host,
    LogLevel,
    Port,
    Set,
    SharedAmqp,
    SharedStore,
    serve,
)


def gateway(
    store: SharedStore = None,
    amqp: SharedAmqp = None,
    host: Host = None,
    port: Port = None,
    grpc_port: GrpcPort = None,
    config: Config = None,
    log_level: LogLevel = None,
    setting: Set = None,
) -> int:
    """Start a gateway: it serves clients over REST and gRPC, and hosts no actors. Run as many as you like.

    It asks the scheduler over RabbitMQ and reads tasks from the store. Attached workers that connect over WebSocket
    are served by the gateway that they connect to. SIGTERM: new tasks are refused, what was asked is answered.

    [bold]Examples[/bold]

      swarmpilot gateway --amqp amqp://swarm:secret@rabbit/ --store postgresql://swarm:secret@db/swarm

      swarmpilot gateway --port 8103 --grpc-port -1 --amqp amqp://localhost/ --store postgresql://localhost/swarm
    """
    where = {"host": host, "port": port, "grpc_port": grpc_port}
    return serve("gateway", setting, store=store, amqp=amqp, config=config, log_level=log_level, **where)


def scheduler(
    store: SharedStore = None,
    amqp: SharedAmqp = None,
    config: Config = None,
    health_port: HealthPort = None,
    log_level: LogLevel = None,
    setting: Set = None,
) -> int:
    """Start a scheduler. One works; a second one stands by, and takes over at once where the first is killed.

    Its settings and its configuration file (agents:, shares:, predictions:) should be the same for both.

    [bold]Examples[/bold]

      swarmpilot scheduler --amqp amqp://swarm:secret@rabbit/ --store postgresql://swarm:secret@db/swarm

      swarmpilot scheduler --amqp amqp://localhost/ --store postgresql://localhost/swarm --health-port 9001
    """
    shared = {"store": store, "amqp": amqp, "config": config}
    return serve("scheduler", setting, health_port=health_port, log_level=log_level, **shared)


def dispatchers(
    store: SharedStore = None,
    amqp: SharedAmqp = None,
    health_port: HealthPort = None,
    log_level: LogLevel = None,
    setting: Set = None,
) -> int:
    """Start a host of dispatchers: they push tasks to instances, probe them, and speak to attached workers.

    All processes of this kind share the dispatchers evenly; one that comes gets its share within a second or two, one
    that is stopped hands over, one that is killed is replaced at once, one that hangs after lease_ttl_s.

    [bold]Examples[/bold]

      swarmpilot dispatchers --amqp amqp://swarm:secret@rabbit/ --store postgresql://swarm:secret@db/swarm

      swarmpilot dispatchers --amqp amqp://localhost/ --store postgresql://localhost/swarm --set push_timeout_s=5
    """
    return serve("dispatchers", setting, store=store, amqp=amqp, health_port=health_port, log_level=log_level)
