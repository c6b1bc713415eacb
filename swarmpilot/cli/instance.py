"""`swarmpilot instance`: a TaskInstance, in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from swarmpilot.cli.options import DEFAULT_URL, Usage, set_up_logs


def instance(
    model: Annotated[str, typer.Option(help="Name of the model that it serves.", show_default=False)],
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any.", min=0, max=65535)] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    scheduler: Annotated[
        str, typer.Option("--scheduler", "--url", help="Address of the scheduler.", envvar="SWARMPILOT_URL")
    ] = DEFAULT_URL,
    capacity: Annotated[int, typer.Option(help="Tasks it runs at once.", min=1, max=10_000)] = 1,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Only take the time that a task says (this is the default).")
    ] = False,
    speed: Annotated[float, typer.Option(help="Divides simulated times.")] = 1.0,
    call: Annotated[
        str | None, typer.Option(metavar="MODULE:FUNCTION", help="Run tasks with a Python function.")
    ] = None,
    upstream: Annotated[
        str | None, typer.Option(metavar="URL", help="Send tasks to an OpenAI-compatible server.")
    ] = None,
    upstream_model: Annotated[
        str | None, typer.Option(help="Model to name there, where the task names none. [default: --model]")
    ] = None,
    upstream_key: Annotated[
        str | None, typer.Option(help="API key for it.", envvar=["SWARMPILOT_UPSTREAM_KEY", "OPENAI_API_KEY"])
    ] = None,
    preemptible: Annotated[
        bool,
        typer.Option(
            "--preemptible",
            help="Running tasks may be asked to give way: the function calls context.safe_point({...}) often, and goes "
            "on from context.checkpoint. Simulated tasks do.",
        ),
    ] = False,
    instance_id: Annotated[str | None, typer.Option("--id", help="What it calls itself in its reports.")] = None,
    advertise: Annotated[
        str | None, typer.Option(metavar="HOST[:PORT]", help="Where the scheduler reaches it, if not where it listens.")
    ] = None,
    drain_timeout: Annotated[
        float, typer.Option(min=0.0, help="Seconds to finish what it holds when stopped.")
    ] = 300.0,
    log_level: Annotated[str, typer.Option(help="How much is logged.", envvar="LOG_LEVEL")] = "INFO",
) -> int:
    """Run a TaskInstance that registers itself, runs tasks and reports their results.

    Stopped with SIGTERM or Ctrl-C it leaves the scheduler, finishes what it holds and exits 0; a second time, at once.

    [bold]Examples[/bold]

      swarmpilot instance --model my-model --capacity 4             simulated: {"service_ms": 200} or token counts

      swarmpilot instance --model my-model --speed 2                the same, twice as fast

      swarmpilot instance --model summary --call my_module:summarise          def summarise(task_input): ...

      swarmpilot instance --model long --call my_module:run --preemptible     def run(task_input, context): ...

      swarmpilot instance --model llama3 --upstream http://localhost:11434    vLLM, llama.cpp, Ollama
    """
    chosen = [
        name for name, is_given in (("--simulate", simulate), ("--call", call), ("--upstream", upstream)) if is_given
    ]
    if len(chosen) > 1:
        raise Usage(f"choose one of {' and '.join(chosen)}")
    if preemptible and upstream is not None:
        raise Usage("--preemptible needs tasks with safe points; those of an --upstream have none")
    set_up_logs(log_level)

    from swarmpilot.instance import TaskInstance

    try:
        work = _work(model, speed, preemptible, call, upstream, upstream_model, upstream_key)
        served = TaskInstance(
            model,
            work,
            scheduler=scheduler if "://" in scheduler else f"http://{scheduler}",
            host=host,
            port=port,
            capacity=capacity,
            instance_id=instance_id,
            advertise=advertise,
            drain_timeout_s=drain_timeout,
            preemptible=preemptible,
        )
    except ValueError as failure:
        raise Usage(str(failure)) from None
    return served.run()


def _work(
    model: str,
    speed: float,
    preemptible: bool,
    call: str | None,
    upstream: str | None,
    upstream_model: str | None,
    key: str | None,
) -> Callable[..., Any]:
    if call is not None:
        from swarmpilot.instance.work.call import find_function

        return find_function(call)
    if upstream is not None:
        from swarmpilot.instance.work.upstream import forward

        return forward(upstream, upstream_model or model, api_key=key)
    from swarmpilot.instance.work.simulate import simulate

    return simulate(speed, preemptible=preemptible)
