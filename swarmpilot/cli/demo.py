"""`swarmpilot demo`: the main job, shown live."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from swarmpilot.cli.options import Failure


def demo(
    seconds: Annotated[float, typer.Option(help="How long tasks are submitted.", min=1, max=3600)] = 20.0,
    rate: Annotated[float, typer.Option(help="Tasks submitted a second, on average.", min=1, max=1000)] = 32.0,
    url: Annotated[str | None, typer.Option(help="Use the scheduler running there instead of starting one.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed submits the same tasks.")] = 1,
) -> int:
    """See it at work: a scheduler, three simulated instances of unequal speed, a stream of tasks.

    Needs no broker and no database server, listens on loopback only, and leaves nothing behind. Ends with a
    summary; exits 0 where every task was completed.

    [bold]Examples[/bold]

      swarmpilot demo

      swarmpilot demo --seconds 60 --rate 100
    """
    from swarmpilot.demo.processes import ChildFailed
    from swarmpilot.demo.show import Script, run

    try:
        return run(Script(seconds, rate, url, seed), Console())
    except ChildFailed as failure:
        raise Failure(str(failure)) from None
