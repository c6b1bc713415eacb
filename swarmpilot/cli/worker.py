"""`swarmpilot worker`: runs the tasks of an agent, in this process."""

from __future__ import annotations

from typing import Annotated

import typer

from swarmpilot.cli.options import DEFAULT_URL, Usage, set_up_logs


def worker(
    agent: Annotated[str, typer.Option(help="Id of the agent whose tasks it runs.", show_default=False)],
    call: Annotated[
        str, typer.Option(metavar="MODULE:FUNCTION", help="Python function to run them with.", show_default=False)
    ],
    capacity: Annotated[int, typer.Option(help="Tasks it runs at once.", min=1, max=10_000)] = 1,
    url: Annotated[
        str, typer.Option("--url", "--scheduler", help="Address of the scheduler.", envvar="SWARMPILOT_URL")
    ] = DEFAULT_URL,
    amqp: Annotated[
        str | None,
        typer.Option(
            help="Connect by the scheduler's RabbitMQ instead, amqp://..., of each node.", envvar="SWARMPILOT_AMQP"
        ),
    ] = None,
    worker_id: Annotated[
        str | None, typer.Option("--id", help="Name of this worker among all. [default: a new one]")
    ] = None,
    drain_timeout: Annotated[
        float, typer.Option(min=0.0, help="Seconds to finish what it holds when stopped.")
    ] = 300.0,
    log_level: Annotated[str, typer.Option(help="How much is logged.", envvar="LOG_LEVEL")] = "INFO",
) -> int:
    """Connect to the scheduler, attach as an agent's worker, and run that agent's tasks.

    Stopped with SIGTERM or Ctrl-C it detaches, finishes what it holds and exits 0; a second time, at once. When its
    agent is shut down it leaves by itself.

    [bold]Examples[/bold]

      swarmpilot worker --agent worker-1 --call my_module:run             def run(task): return task.input

      swarmpilot worker --agent worker-1 --call my_module:run --capacity 4 --url http://scheduler:8102
    """
    set_up_logs(log_level)

    from swarmpilot.instance.work.call import find_function
    from swarmpilot.worker import Worker

    try:
        attached = Worker(
            agent, capacity=capacity, url=url, amqp=amqp, worker_id=worker_id, drain_timeout_s=drain_timeout
        )
        attached.task(find_function(call))
    except ValueError as failure:
        raise Usage(str(failure)) from None
    return attached.run()
