"""`swarmpilot agents` and `swarmpilot shutdown`: how agents are, and the end of one's work."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from swarmpilot.cli.options import DEFAULT_URL, Failure, Url, client_for
from swarmpilot.cli.output import agent_table, agents_table, print_json, show
from swarmpilot.cli.serving import HealthPort, LogLevel, Set, serve


def agents(
    agent_id: Annotated[
        str | None, typer.Argument(metavar="[AGENT_ID]", help="Only this agent, with its workers.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    url: Url = DEFAULT_URL,
    store: Annotated[
        str | None, typer.Option(help="Host agents, on this database of all processes.", rich_help_panel="Host")
    ] = None,
    amqp: Annotated[
        str | None, typer.Option(help="Host agents, over this RabbitMQ of all processes.", rich_help_panel="Host")
    ] = None,
    health_port: HealthPort = None,
    log_level: LogLevel = None,
    setting: Set = None,
) -> int:
    """Show how agents are: their state and what brought them there, their tasks and their workers.

    With --store and --amqp it is a process that hosts agents, beside `swarmpilot gateway`, `scheduler` and
    `dispatchers`: each owns the life of its tasks. All such processes share the agents evenly; one that comes gets its
    share within a second or two, one that is stopped hands over, one that is killed is replaced at once. The options
    --health-port, --log-level and --set are for such a process.

    [bold]Examples[/bold]

      swarmpilot agents

      swarmpilot agents worker-1 --json

      swarmpilot agents --amqp amqp://swarm:secret@rabbit/ --store postgresql://swarm:secret@db/swarm
    """
    if store is not None or amqp is not None:
        return serve("agents", setting, store=store, amqp=amqp, health_port=health_port, log_level=log_level)
    with client_for(url) as client:
        if agent_id is not None:
            record = client.agent(agent_id)
            if as_json:
                print_json(asdict(record))
            else:
                show(agent_table(record))
            return 0
        found = client.agents()
    if as_json:
        print_json([asdict(record) for record in found])
    elif found:
        show(agents_table(found))
    else:
        typer.echo(
            "no agent has a task or a worker; start one with: swarmpilot worker --agent NAME --call MODULE:FUNCTION"
        )
    return 0


def shutdown(
    agent_id: Annotated[str, typer.Argument(metavar="AGENT_ID", help="The agent.", show_default=False)],
    grace: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.0,
            help="How long what runs may take to finish; 0: none. Without it, the server's agent_shutdown_grace_s.",
        ),
    ] = None,
    url: Url = DEFAULT_URL,
) -> int:
    """Shut an agent down: it takes and starts no tasks, and its workers leave.

    What still runs when the grace is over is stopped: it fails (agent_shutdown). What waits runs once a worker of the
    agent attaches again.

    [bold]Examples[/bold]

      swarmpilot shutdown worker-1

      swarmpilot shutdown worker-1 --grace 5
    """
    with client_for(url) as client:
        if not client.shutdown_agent(agent_id, grace):
            raise Failure(f"agent {agent_id} was not shut down")
        record = client.agent(agent_id)
    typer.echo(f"agent {agent_id} is {record.state}; {record.running} running, {record.waiting} waiting")
    return 0
