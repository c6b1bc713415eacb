"""`swarmpilot activity`: what the agents are at, what they were at, and what changes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from swarmpilot.activity import ActivityChange, ActivityEntry
from swarmpilot.cli.options import DEFAULT_URL, Url, Usage, client_for
from swarmpilot.cli.output import activity_line, activity_table, print_json, show
from swarmpilot.client import Client

RECONNECT_FOR_S = 60.0
"""How long `--follow` tries to reach a scheduler that went away (s)."""


def activity(
    agent: Annotated[str | None, typer.Option(help="Only of this agent.")] = None,
    repo: Annotated[str | None, typer.Option(help="Only in this repository (repo_id).")] = None,
    worktree: Annotated[str | None, typer.Option(help="Only in this worktree (worktree_id).")] = None,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    history: Annotated[bool, typer.Option("--history", help="What has ended, the newest first.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what changes, until Ctrl-C.")] = False,
    limit: Annotated[int, typer.Option(help="Entries at most.", min=1, max=1_000_000)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --follow, a line a change.")] = False,
    url: Url = DEFAULT_URL,
) -> int:
    """Show what agents are at: their tasks from admission to the end.

    [bold]Examples[/bold]

      swarmpilot activity --repo my-repo

      swarmpilot activity --follow --agent worker-1

      swarmpilot activity --history --limit 20
    """
    if history and follow:
        raise Usage("--history and --follow exclude each other")
    if follow:
        with client_for(url) as checked:
            checked.health()  # a scheduler that is not there is an error, one that goes away is waited for
        with Client(url, retry_for_s=RECONNECT_FOR_S) as client:
            changes = client.follow_activity(agent_id=agent, repo_id=repo, worktree_id=worktree, task_id=task)
            _follow(changes, as_json)
        return 0
    with client_for(url) as client:
        entries = client.activity(
            agent_id=agent, repo_id=repo, worktree_id=worktree, task_id=task, limit=limit, history=history
        )
        _show(entries, as_json)
    return 0


def _show(entries: list[ActivityEntry], as_json: bool) -> None:
    if as_json:
        print_json([asdict(entry) for entry in entries])
    elif entries:
        show(activity_table(entries))
    else:
        typer.echo("no activity")


def _follow(changes: Iterable[ActivityChange], as_json: bool) -> None:
    console = Console(highlight=False)
    for change in changes:
        if as_json:
            typer.echo(json.dumps(asdict(change), ensure_ascii=False))
        else:
            console.print(activity_line(change), soft_wrap=True)
