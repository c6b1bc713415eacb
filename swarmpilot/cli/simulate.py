"""`swarmpilot simulate`: the scheduler's decisions on a virtual clock, beside other policies and bounds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from swarmpilot.cli.options import Failure, Usage

if TYPE_CHECKING:
    from simulation.experiment import Experiment
    from simulation.fleet import Change, Fleet
    from simulation.jobs import Request

WORKLOAD, FLEET, POLICIES, OUTPUT = "What is served", "By whom", "Under which policies", "What is written"


def simulate(
    trace: Annotated[
        Path | None,
        typer.Option(help="Arrivals and sizes from this CSV file; see below.", rich_help_panel=WORKLOAD),
    ] = None,
    workload: Annotated[
        str, typer.Option(help="Without a trace: conversation, mix or clients.", rich_help_panel=WORKLOAD)
    ] = "conversation",
    tasks: Annotated[
        int | None,
        typer.Option(help="How many tasks; else all of a trace, or 20000.", min=2, rich_help_panel=WORKLOAD),
    ] = None,
    load: Annotated[
        str,
        typer.Option(
            help="Work over total speed, one or several: arrivals are stretched to it.", rich_help_panel=WORKLOAD
        ),
    ] = "0.7,0.9",
    base_s: Annotated[float, typer.Option(help="Seconds a task takes at speed 1.", rich_help_panel=WORKLOAD)] = 0.02,
    input_token_s: Annotated[
        float, typer.Option(help="Seconds that each input token adds.", rich_help_panel=WORKLOAD)
    ] = 0.0002,
    output_token_s: Annotated[
        float, typer.Option(help="Seconds that each output token adds.", rich_help_panel=WORKLOAD)
    ] = 0.02,
    speeds: Annotated[str, typer.Option(help="The speed of each instance.", rich_help_panel=FLEET)] = "1,1,1,1,1,1,1,1",
    capacity: Annotated[int, typer.Option(help="Tasks at once on each.", min=1, rich_help_panel=FLEET)] = 1,
    event: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SECONDSs:INSTANCE:WHAT",
            help="An instance changes after so many seconds: 120s:3:speed=0.25, 200s:2:down, 260s:2:up.",
            rich_help_panel=FLEET,
        ),
    ] = None,
    strategies: Annotated[
        str, typer.Option(help="The scheduler's, separated by commas; all, or none.", rich_help_panel=POLICIES)
    ] = "all",
    order: Annotated[
        str,
        typer.Option(
            help="Orders of the line, among equals in importance, separated by commas; all. Each strategy with each.",
            rich_help_panel=POLICIES,
        ),
    ] = "priority",
    references: Annotated[
        str, typer.Option(help="What they are held against; all, or none.", rich_help_panel=POLICIES)
    ] = "all",
    seed: Annotated[int, typer.Option(help="The same seed gives the same figures.", rich_help_panel=POLICIES)] = 1,
    waits: Annotated[
        bool, typer.Option(help="Compare the wait that /queue/info tells with the true one.", rich_help_panel=POLICIES)
    ] = True,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="The figures.", rich_help_panel=OUTPUT)
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(metavar="DIRECTORY", help="PNG images (needs the extra: plots).", rich_help_panel=OUTPUT),
    ] = None,
) -> int:
    """Simulate the scheduler: which strategy serves a workload best, and how far is it from the best possible?

    The decisions are those of the service, by the same code; only the clock
    and the instances are modelled. A task takes (base + input tokens + output
    tokens, each by its seconds) over the speed of its instance.

    Every policy serves the same arrivals. The scheduler's strategies stand
    beside policies that know less or more: pooled FIFO, round robin, JSQ and
    power of two choices; shortest first, which knows every service time; least
    work, which knows those and each change of speed at once.

    The first line of a trace names its columns, those of the Azure traces
    (TIMESTAMP,ContextTokens,GeneratedTokens), or
    arrival_s,input_tokens,output_tokens with task_kind, client, max_tokens,
    priority and deadline_s if you like, or num_prefill_tokens,num_decode_tokens
    (no times: Poisson), or the statistics of clients as in ServeGen.

    [bold]Examples[/bold]

      swarmpilot simulate

      swarmpilot simulate --trace AzureLLMInferenceTrace_conv.csv --speeds 1,1,1,1,0.5,0.5,0.25,0.25

      swarmpilot simulate --load 0.7 --event 300s:3:speed=0.25 --event 900s:2:down --event 960s:2:up --plots plots

      swarmpilot simulate --workload clients --strategies shortest_queue --order priority,fair

      swarmpilot simulate --workload mix --strategies shortest_queue --order priority,shortest_predicted,deadline
    """
    from simulation.experiment import Experiment, known_orders, known_strategies
    from simulation.jobs import ServiceTime
    from simulation.references import REFERENCES

    fleet = _fleet(speeds, capacity)
    changes = _changes(event or [], fleet)
    experiment = Experiment(
        _requests(trace, workload, tasks, seed),
        fleet,
        _loads(load),
        _names("--strategies", strategies, known_strategies()),
        _names("--references", references, tuple(REFERENCES)),
        ServiceTime(
            _cost("--base-s", base_s),
            _cost("--input-token-s", input_token_s),
            _cost("--output-token-s", output_token_s),
        ),
        changes,
        seed,
        waits,
        _names("--order", order, known_orders(), "all or"),
    )
    return _carry_out(experiment, trace.name if trace is not None else f"workload {workload}", json_file, plots)


def _carry_out(experiment: Experiment, workload: str, json_file: Path | None, plots: Path | None) -> int:
    from simulation.document import write_document
    from simulation.experiment import run
    from simulation.plots import NoMatplotlib, check_matplotlib, write_plots
    from simulation.report import show

    if not experiment.strategies and not experiment.references:
        raise Usage("--strategies and --references are both none: there is nothing to simulate")
    if not experiment.orders:
        raise Usage("--order must be all or some of the orders, got 'none'")
    if plots is not None:
        try:
            check_matplotlib()
        except NoMatplotlib as failure:
            raise Failure(f"--plots: {failure}") from None
    console, errors = Console(), Console(stderr=True)
    if not console.is_terminal:
        console = Console(width=140)
    try:
        with errors.status("simulating") as status:
            measured = run(experiment, status.update)
    except ValueError as failure:
        raise Usage(f"this cannot be simulated: {failure}") from None
    except RuntimeError as failure:
        raise Failure(
            f"the simulation came to a stop: {failure}; does an --event take the last instance down?"
        ) from None
    show(experiment, measured, workload, console)
    if json_file is not None:
        write_document(experiment, measured, workload, json_file)
        errors.print(f"written: {json_file}", style="dim", highlight=False, soft_wrap=True)
    if plots is not None:
        for path in write_plots(experiment, measured, plots):
            errors.print(f"written: {path}", style="dim", highlight=False, soft_wrap=True)
    return 0


def _requests(trace: Path | None, workload: str, tasks: int | None, seed: int) -> list[Request]:
    from simulation.generator import WORKLOADS
    from simulation.trace import TraceError, read_trace

    if trace is None:
        if workload not in WORKLOADS:
            raise Usage(f"--workload must be one of {', '.join(WORKLOADS)}, got {workload!r}")
        return WORKLOADS[workload](seed, tasks or 20_000)
    try:
        return read_trace(trace, seed, tasks)
    except TraceError as failure:
        raise Usage(f"--trace: {failure}") from None
    except OSError as failure:
        raise Usage(f"--trace: cannot read {trace}: {failure.strerror}") from None


def _fleet(speeds: str, capacity: int) -> Fleet:
    from simulation.fleet import Fleet, parse_speeds

    try:
        return Fleet(parse_speeds(speeds), capacity)
    except ValueError as failure:
        raise Usage(f"--speeds: {failure}") from None


def _changes(events: list[str], fleet: Fleet) -> list[Change]:
    from simulation.fleet import parse_change

    try:
        return [parse_change(text, fleet) for text in events]
    except ValueError as failure:
        raise Usage(f"--event: {failure}") from None


def _loads(text: str) -> list[float]:
    loads = []
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            value = math.nan
        if not 0 < value <= 10:
            raise Usage(f"--load must be above 0 and at most 10, such as 0.7 or 0.5,0.7,0.9, got {part!r}")
        loads.append(value)
    return loads


def _cost(option: str, seconds: float) -> float:
    if not (math.isfinite(seconds) and seconds >= 0):
        raise Usage(f"{option} must be a number of seconds of at least 0, got {seconds}")
    return seconds


def _names(option: str, text: str, known: tuple[str, ...], rule: str = "all, none or") -> tuple[str, ...]:
    if text in ("all", "none"):
        return known if text == "all" else ()
    spelt = {_letters(name): name for name in known}
    chosen = []
    for part in text.split(","):
        if _letters(part) not in spelt:
            raise Usage(f"{option} must be {rule} some of {', '.join(known)}, got {part!r}")
        chosen.append(spelt[_letters(part)])
    return tuple(dict.fromkeys(chosen))


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
