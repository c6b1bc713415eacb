"""The command line: one file a command, and one rule for errors: a clear line, exit code 2 for usage, else 1."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, NoReturn

import typer

from swarmpilot.cli import (
    activity,
    agents,
    dead,
    demo,
    explain,
    instance,
    preempt,
    queues,
    roles,
    simulate,
    start,
    submit,
    task,
    verify,
    worker,
)
from swarmpilot.cli.options import Failure
from swarmpilot.errors import SchedulerError

EXAMPLES = """
[bold]First steps[/bold]

  swarmpilot demo                                        see it all at work for 20 seconds

  swarmpilot start                                       the scheduler, on http://127.0.0.1:8102

  swarmpilot instance --model my-model                   a simulated instance that registers itself

  swarmpilot worker --agent worker-1 --call my_module:run   runs the tasks of an agent

  swarmpilot submit my-model '{"prompt": "Hi", "max_tokens": 20}' --wait

  swarmpilot explain task-abc123                         why it runs where it does, or what it waits for

  swarmpilot preempt task-abc123                         ask it to give way, and to go on later

  swarmpilot queues --watch                              who is busy, and how long is the wait

  swarmpilot agents                                      how agents are, and who runs their tasks

  swarmpilot activity --follow                           what agents are at, as it changes

  swarmpilot dead list                                   messages that could have no effect, and why

  swarmpilot verify                                      whether the record keeps every promise

  swarmpilot simulate                                    which strategy is best, on a virtual clock

[bold]Many processes[/bold]

  swarmpilot gateway | scheduler | agents | dispatchers --amqp amqp://... --store postgresql://...   one part each
"""

app = typer.Typer(
    name="swarmpilot",
    help="Schedules tasks across TaskInstances: start the scheduler, run instances, submit tasks.\n" + EXAMPLES,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

app.command("start")(start.start)
app.command("instance")(instance.instance)
app.command("worker")(worker.worker)
app.command("submit")(submit.submit)
app.command("task")(task.task)
app.command("explain")(explain.explain)
app.command("preempt")(preempt.preempt)
app.command("queues")(queues.queues)
app.command("agents")(agents.agents)
app.command("shutdown")(agents.shutdown)
app.command("activity")(activity.activity)
app.command("simulate")(simulate.simulate)
app.add_typer(dead.app, name="dead")
app.command("verify")(verify.verify)
app.command("demo")(demo.demo)
app.command("gateway")(roles.gateway)
app.command("scheduler")(roles.scheduler)
app.command("dispatchers")(roles.dispatchers)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Print the version or, without a command, the help."""
    if show_version:
        typer.echo(f"swarmpilot {installed_version()}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


def installed_version() -> str:
    """The version of the installed package."""
    try:
        return version("swarmpilot-scheduler")
    except PackageNotFoundError:
        return "2.0.0 (not installed)"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit. Where the terminal has no such character, it shows a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code. Nothing but a programmer's `SWARMPILOT_DEBUG=1` shows a traceback."""
    try:
        code = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except SystemExit as over:
        if isinstance(over.__context__, BrokenPipeError):  # as rich ends a program whose reader has had enough
            return 0
        raise
    except (Failure, SchedulerError, OSError) as failure:
        if isinstance(failure, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return _complain(str(failure), failure.exit_code if isinstance(failure, Failure) else 1)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as failure:
        # typer's own errors about usage, whatever package its version keeps them in, can format themselves
        describe = getattr(failure, "format_message", None)
        if describe is not None:
            return _complain(f"{describe()}{_got(failure)}{_hint(failure)}", int(getattr(failure, "exit_code", 2)))
        if os.environ.get("SWARMPILOT_DEBUG"):
            raise
        return _complain(f"{type(failure).__name__}: {failure} (SWARMPILOT_DEBUG=1 shows where)", 1)
    return code if isinstance(code, int) else 0


def _complain(text: str, exit_code: int) -> int:
    typer.echo(f"swarmpilot: {' '.join(text.split())}", err=True)
    return exit_code


def _got(failure: Exception) -> str:
    """What was given, where typer has had the type of an option checked and says only what it should be."""
    faults: list[Any] = getattr(failure.__cause__, "errors", list)()
    return f"; got {faults[0]['input']!r}" if faults else ""


def _hint(failure: Exception) -> str:
    path = getattr(getattr(failure, "ctx", None), "command_path", None)
    return f" (see: {path} --help)" if path else ""
