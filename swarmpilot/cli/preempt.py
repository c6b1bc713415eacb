"""`swarmpilot preempt`: ask a task to give way."""

from __future__ import annotations

from typing import Annotated

import typer

from swarmpilot.cli.options import DEFAULT_URL, Failure, Url, client_for


def preempt(
    task_id: Annotated[str, typer.Argument(metavar="TASK_ID", help="The id that submit printed.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why, for the task's story and for the task itself.")] = "",
    grace: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.0,
            help="How long it may take to; then it is forced. Without it, the server's preempt_grace_s.",
        ),
    ] = None,
    url: Url = DEFAULT_URL,
) -> int:
    """Ask a running task to give way at its next safe point. It keeps its checkpoint and is resumed later.

    Where it does not within the grace, it is told for the last time, then stopped: it fails (forced_preemption).

    A task whose instance cannot be asked runs to its end. Prints the state that the task is in then.

    [bold]Examples[/bold]

      swarmpilot preempt task-abc123

      swarmpilot preempt task-abc123 --reason "the release goes first" --grace 5
    """
    with client_for(url) as client:
        if not client.preempt(task_id, reason, grace):
            raise Failure(f"task {task_id} cannot give way: it has ended, as {client.query(task_id).state}")
        record = client.query(task_id)
    typer.echo(f"task {task_id} is to give way; it is {record.state}{f': {record.reason}' if record.reason else ''}")
    return 0
