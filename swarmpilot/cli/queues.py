"""`swarmpilot queues`: the instances, what they hold, and how long a new task would wait there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from swarmpilot.cli.options import DEFAULT_URL, Url, client_for
from swarmpilot.cli.output import instances_table, print_json, show
from swarmpilot.client import Client
from swarmpilot.errors import SchedulerError


def queues(
    model: Annotated[str | None, typer.Option(help="Only instances of this model.")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep showing, until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    url: Url = DEFAULT_URL,
) -> int:
    """Show the instances and their waiting times.

    [bold]Examples[/bold]

      swarmpilot queues

      swarmpilot queues --watch --model my-model
    """
    with client_for(url) as client:
        if as_json:
            print_json([asdict(queue) for queue in client.queues(model)])
        elif watch:
            _watch(client, model, interval)
        else:
            show(_view(client, model))
    return 0


def _watch(client: Client, model: str | None, interval: float) -> None:
    view = _view(client, model)  # a scheduler that is not there is an error, one that goes away is shown
    with _shown(view) as look:
        while True:
            time.sleep(interval)
            try:
                view = _view(client, model)
            except SchedulerError as failure:
                view = Text(str(failure), style="red")
            look(view)


@contextmanager
def _shown(view: Table | Text) -> Iterator[Callable[[Table | Text], None]]:
    """What shows a view when called: in place of the one before or, without a terminal, after it."""
    console = Console()
    if not console.is_terminal:
        show(view)
        yield show
        return
    with Live(view, console=console, auto_refresh=False) as live:
        yield lambda latest: live.update(latest, refresh=True)


def _view(client: Client, model: str | None) -> Table | Text:
    found = client.queues(model)
    if not found:
        return Text(
            f"no instances{f' of model {model}' if model else ''} at {client.url}; "
            "start one with: swarmpilot instance --model NAME"
        )
    return instances_table(found)
