"""`swarmpilot dead`: the messages that could have no effect, why, and how to send them again."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from swarmpilot.cli.options import DEFAULT_URL, Failure, Url, Usage, client_for
from swarmpilot.cli.output import print_json, show
from swarmpilot.client import Client
from swarmpilot.dead import DeadRecord
from swarmpilot.errors import TaskNotFound

app = typer.Typer(
    help="Dead letters: messages that could have no effect, because an actor failed at them (a defect), nobody could "
    "read them, or the broker gave them up. They are kept for retention_days.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    no_args_is_help=True,
)

LetterId = Annotated[str, typer.Argument(metavar="ID", help="The id that `dead list` prints.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_dead(as_json: AsJson = False, url: Url = DEFAULT_URL) -> int:
    """List the dead letters, those that failed last first.

    [bold]Examples[/bold]

      swarmpilot dead list

      swarmpilot dead list --json
    """
    with client_for(url) as client:
        letters = client.dead_letters()
    if as_json:
        print_json([asdict(letter) for letter in letters])
    elif not letters:
        typer.echo("no dead letters")
    else:
        show(letters_table(letters))
    return 0


@app.command("show")
def show_one(letter_id: LetterId, as_json: AsJson = False, url: Url = DEFAULT_URL) -> int:
    """Show a dead letter: the message, each failure and its reason, and the story of the task that it names.

    [bold]Examples[/bold]

      swarmpilot dead show agent-3:1:57
    """
    with client_for(url) as client:
        letter = client.dead_letter(letter_id)
        story = _story(client, letter.task_id)
    if as_json:
        print_json({**asdict(letter), "story": story})
    else:
        show(_details(letter, story))
    return 0


@app.command("replay")
def replay(
    letter_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="The dead letters.", show_default=False)
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
    url: Url = DEFAULT_URL,
) -> int:
    """Send dead letters again, as new messages. One that has its effect is gone from the list; twice does it once.

    Exits 1 where one failed again, or is not there.

    [bold]Examples[/bold]

      swarmpilot dead replay agent-3:1:57

      swarmpilot dead replay --all
    """
    if bool(letter_ids) == all_:
        raise Usage("give the ids of dead letters, or --all")
    failed, missing = 0, []
    with client_for(url) as client:
        for letter_id in letter_ids or [letter.id for letter in client.dead_letters()]:
            try:
                replayed = client.replay(letter_id)
            except TaskNotFound as failure:  # replayed before, or by somebody else: no reason to leave out the others
                missing.append(str(failure))
                continue
            typer.echo(f"{letter_id}: {replayed.outcome}{f': {replayed.reason}' if replayed.reason else ''}")
            failed += replayed.outcome == "failed"
    if failed or (missing and letter_ids):
        raise Failure("; ".join([*missing, *([f"{failed} failed again"] if failed else [])]))
    return 0


def letters_table(letters: list[DeadRecord]) -> Table:
    """A letter a row."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    table.add_column("failed", max_width=10)
    table.add_column("id", no_wrap=True)  # whole, to be copied
    table.add_column("tries", justify="right")
    table.add_column("message, and why it failed", overflow="fold", ratio=1)
    for letter in letters:
        said = Text(f"{letter.name or letter.kind} to {letter.to}: {letter.reason}")
        table.add_row(_clock(letter.failed_at), Text(letter.id), str(letter.tries), said)
    return table


def _details(letter: DeadRecord, story: list[tuple[float, str, str]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("dead letter", Text(letter.id))
    table.add_row("message", Text(f"{letter.name or letter.kind} to {letter.to}"))
    for at, reason in letter.failures:
        table.add_row("failed", Text(f"{_clock(at)}  {reason}"))
    table.add_row("content", Text(json.dumps(letter.message, ensure_ascii=False)))
    if letter.task_id:
        table.add_row("task", Text(letter.task_id))
    for at, actor, kind in story:
        table.add_row("", Text(f"{_clock(at)}  {actor}  {kind}"))
    return table


def _story(client: Client, task_id: str) -> list[tuple[float, str, str]]:
    try:
        return client.story(task_id) if task_id else []
    except TaskNotFound:
        return []


def _clock(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")
