"""`swarmpilot explain`: why a task is where it is."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from swarmpilot.cli.options import DEFAULT_URL, Url, client_for
from swarmpilot.cli.output import address, duration, print_json, show
from swarmpilot.placement import Placement, PlacementCandidate


def explain(
    task_id: Annotated[str, typer.Argument(metavar="TASK_ID", help="The id that submit printed.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    url: Url = DEFAULT_URL,
) -> int:
    """Show why a task was started where it was or, while it waits, what each instance would be to it.

    The least score is best; ties go by tasks in flight, then in rotation. An instance without a score could not be
    chosen, or was passed over by the strategy.

    [bold]Examples[/bold]

      swarmpilot explain task-abc123

      swarmpilot explain task-abc123 --json
    """
    with client_for(url) as client:
        found = client.explain(task_id)
    if as_json:
        print_json(asdict(found))
        return 0
    console = Console()
    at = datetime.fromtimestamp(found.at).astimezone().isoformat(" ", "seconds")
    names = {candidate.ti_uuid: address(candidate.host, candidate.port) for candidate in found.candidates}
    what = f"started on {names.get(found.chosen, found.chosen)}" if found.chosen else "waits"
    meant = f" (meant for {names.get(found.meant, found.meant)})" if found.meant not in ("", found.chosen) else ""
    console.print(f"task {found.task_id} {what}{meant}: {found.why}", markup=False)
    console.print(f"{found.strategy}; scores are {found.unit or 'not known'}; at {at}", style="dim", markup=False)
    show(_table(found))
    return 0


def _table(found: Placement) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    table.add_column("instance", overflow="fold")
    for header in ("running", "waiting", "takes", "done in", "score"):
        table.add_column(header, justify="right", no_wrap=True)
    for candidate in found.candidates:
        table.add_row(*_cells(candidate), style="bold" if candidate.ti_uuid == found.chosen else None)
    return table


def _cells(candidate: PlacementCandidate) -> list[Text]:
    done = duration(candidate.completion_ms)
    if candidate.completion_error_ms is not None:
        done += f" ± {duration(candidate.completion_error_ms)}"
    return [
        Text(
            address(candidate.host, candidate.port)
            + ("" if candidate.condition == "up" else f", {candidate.condition}")
        ),
        Text(f"{candidate.running}/{candidate.capacity}"),
        Text(str(candidate.waiting)),
        Text(duration(candidate.execution_ms)),
        Text(done),
        Text("–" if candidate.score is None else f"{candidate.score:,.2f}"),
    ]
