"""`swarmpilot submit`: give the scheduler a task, and wait for its result if asked to."""

from __future__ import annotations

from typing import Annotated

import typer

from swarmpilot.cli.options import DEFAULT_URL, Failure, Url, client_for, json_object
from swarmpilot.cli.output import print_json
from swarmpilot.errors import TaskFailed


def submit(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model that is to run the task.", show_default=False)],
    task_input: Annotated[
        str, typer.Argument(metavar="INPUT", help="The task's input: JSON, @file, or - for stdin.", show_default=False)
    ],
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait for the task and print its result.")] = False,
    timeout: Annotated[float | None, typer.Option(min=0.0, help="Longest wait, in seconds; the task goes on.")] = None,
    priority: Annotated[
        str | None, typer.Option("--priority", "-p", help="-19 to 20, or low, normal, high, critical.")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(help="What it touches, such as repo.docs or a/b, c/*/d: tasks that overlap never run at once."),
    ] = None,
    metadata: Annotated[str, typer.Option(metavar="JSON", help="More about the task: JSON or @file.")] = "{}",
    task_id: Annotated[
        str | None, typer.Option(help="An id of your own: submitted twice, the task still runs once.")
    ] = None,
    url: Url = DEFAULT_URL,
) -> int:
    """Submit a task; prints its id or, with --wait, its result.

    [bold]Examples[/bold]

      swarmpilot submit my-model '{"prompt": "What is AI?", "max_tokens": 100}' --wait

      swarmpilot submit my-model @task.json --priority high --metadata '{"user_id": "user123"}'

      swarmpilot submit my-model @task.json --scope "repo.docs, tools.format"

      echo '{"service_ms": 500}' | swarmpilot submit my-model - --task-id nightly-1
    """
    body, extra = json_object("INPUT", task_input), json_object("--metadata", metadata)
    with client_for(url) as client:
        submitted = client.submit(
            model, body, metadata=extra, priority=_priority(priority), task_id=task_id, scope=scope
        )
        if not wait:
            typer.echo(submitted.task_id)
            return 0
        try:
            print_json(client.result(submitted.task_id, timeout))
        except TaskFailed as failure:
            print_json(failure.record.result)
            raise Failure(str(failure)) from None
    return 0


def _priority(text: str | None) -> int | str | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        return text.lower()
