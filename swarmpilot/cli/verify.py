"""`swarmpilot verify`: holds what a store has recorded to every promise."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarmpilot.cli.options import Failure, Usage
from swarmpilot.cli.output import print_json
from swarmpilot.cli.serving import settings_with

if TYPE_CHECKING:
    from actors.verification import Findings


def verify(
    store: Annotated[
        str | None,
        typer.Option(help="The store, as a URL. [default: sqlite:///swarmpilot.db]", envvar="SWARMPILOT_STORE"),
    ] = None,
    acknowledged: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Ids of tasks whose submit was acknowledged, one a line; `-`: standard input."
        ),
    ] = None,
    drained: Annotated[
        bool, typer.Option("--drained", help="Everything is over: tasks have ended, messages are sent.")
    ] = False,
    dead: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Ids of the dead letters that there have to be, one a line, and no others."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="The service's YAML file, for the slots of agents.",
            envvar=["SWARMPILOT_CONFIG", "SCHEDULER_CONFIG_PATH"],
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print violations only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Check everything that the store has recorded against what the scheduler promises. Changes nothing.

    Reads the record as it is at one moment; the service may run meanwhile. Limits (max_attempts, agent_slots, the
    slots in the configuration) are taken from the same settings as the service's.

    Exits 0 where every rule holds, 1 where one is broken or the store cannot be read, 2 for usage.

    [bold]Examples[/bold]

      swarmpilot verify

      swarmpilot verify --store sqlite:////var/lib/swarmpilot/tasks.db --json

      swarmpilot verify --drained --acknowledged ids.txt
    """
    begun = time.perf_counter()
    findings = _verified(
        {name: value for name, value in (("store", store), ("config", config)) if value is not None},
        drained,
        _ids("--acknowledged", acknowledged) or (),
        _ids("--dead", dead),
    )
    took_s = time.perf_counter() - begun
    if as_json:
        print_json(_as_json(findings, took_s))
    else:
        _print(findings, took_s, quiet)
    return 0 if findings.is_sound else 1


def _verified(
    given: dict[str, object], drained: bool, acknowledged: tuple[str, ...], dead: tuple[str, ...] | None
) -> Findings:
    # The service's parts are imported only here: a client's command line starts without them.
    from actors.errors import StoreUnavailable
    from gateway.config_file import ConfigError
    from gateway.verifying import verify_store

    settings = settings_with(given)
    try:
        return asyncio.run(verify_store(settings, drained=drained, acknowledged=acknowledged, expected_dead=dead))
    except ConfigError as failure:
        raise Usage(str(failure)) from None
    except StoreUnavailable as failure:
        raise Failure(str(failure)) from None


def _ids(option: str, name: str | None) -> tuple[str, ...] | None:
    if name is None:
        return None
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text()
    except (OSError, UnicodeDecodeError) as failure:
        raise Usage(f"{option}: cannot read {name}: {failure}") from None
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _print(findings: Findings, took_s: float, quiet: bool) -> None:
    from actors.verification import MEANING

    for violation in findings.violations:
        typer.echo(f"{violation}")
    hidden = findings.broken.total() - len(findings.violations)
    if hidden:
        typer.echo(f"... and {hidden} more")
    if quiet:
        return
    counts = findings.looked_at
    typer.echo(f"read {counts['tasks']} tasks and {counts['events']} events in {took_s:.1f} s")
    for name, count in sorted(counts.items()):
        if name not in ("tasks", "events"):
            typer.echo(f"  {count:>10,} {name}")
    for reason, count in sorted(findings.unjudged.items()):
        typer.echo(f"  not judged: {count:,} {reason}")
    for rule, meaning in MEANING.items():
        broken = findings.broken[rule]
        typer.echo(f"  {'ok    ' if not broken else 'BROKEN'} {rule:>2d} {meaning}{f' ({broken})' if broken else ''}")


def _as_json(findings: Findings, took_s: float) -> dict[str, object]:
    from actors.verification import MEANING

    return {
        "sound": findings.is_sound,
        "seconds": round(took_s, 3),
        "looked_at": dict(findings.looked_at),
        "not_judged": dict(findings.unjudged),
        "rules": [{"rule": int(r), "meaning": text, "broken": findings.broken[r]} for r, text in MEANING.items()],
        "violations": [
            {"rule": int(v.rule), "text": v.text, "task_id": v.task_id, "entries": list(v.entries)}
            for v in findings.violations
        ],
    }
