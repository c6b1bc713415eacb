"""`swarmpilot task`: what is known of a task."""

from __future__ import annotations

from typing import Annotated

import typer

from swarmpilot.cli.options import DEFAULT_URL, Failure, Url, client_for
from swarmpilot.cli.output import print_json, show, task_table


def task(
    task_id: Annotated[str, typer.Argument(metavar="ID", help="The id that submit printed.", show_default=False)],
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait until it has ended.")] = False,
    timeout: Annotated[float | None, typer.Option(min=0.0, help="Longest wait, in seconds.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    url: Url = DEFAULT_URL,
) -> int:
    """Show a task: its state, its instance, its result. Exits 1 where it failed.

    [bold]Examples[/bold]

      swarmpilot task task-abc123

      swarmpilot task task-abc123 --wait --json
    """
    with client_for(url) as client:
        record = client.wait(task_id, timeout) if wait else client.query(task_id)
    if as_json:
        print_json({name: getattr(record, name) for name in record.__slots__})
    else:
        show(task_table(record))
    if record.has_failed:
        raise Failure(f"task {task_id} {record.state}: {record.failure}")
    return 0
