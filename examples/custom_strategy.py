"""A placement strategy of your own: short tasks may go anywhere, long ones keep off the instances that answer fastest.

    # instances.yaml
    strategies: {my-model: "examples.custom_strategy:choose"}

    swarmpilot start --config instances.yaml

It is asked once for each task when that is admitted, and again where the task has to start on another instance than it
was meant for. It must be quick, since nothing else is decided meanwhile. docs/strategies.md says what a view has.
"""

from __future__ import annotations

from actors.scheduler.strategies import View

LONG_MS = 5_000.0


def choose(view: View) -> int:
    """The index of a candidate: where the task is done first, of those that are left to it."""
    times = [view.expects.execution(n).mean_ms for n in range(len(view.candidates))]
    able = [n for n, takes_ms in enumerate(times) if takes_ms < LONG_MS or takes_ms > min(times)]
    return min(able or range(len(times)), key=lambda n: view.expects.completion(n).mean_ms)
