"""`python -m tests.deterministic --seeds 20000`: runs them on all cores, and shrinks the first that fails."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from benchmarks.page_sections import put_between
from tests.deterministic.plan import make_plan
from tests.deterministic.report import BEGIN, END, Sum, figure_lines, print_plan, table
from tests.deterministic.seeds import outcomes
from tests.deterministic.shrink import shrink, tasks_concerned
from tests.deterministic.world import World

REPEAT = "python -m tests.deterministic --seed"


def main(arguments: list[str] | None = None) -> int:
    """0 where every seed came to rest with every promise kept."""
    options = _options(arguments)
    if options.seed is not None:
        return _examine(options.seed, options.whole)
    seeds = range(options.first, options.first + options.seeds)
    figures, began = Sum(), time.monotonic()
    for outcome in outcomes(seeds, options.processes):
        figures.add(outcome)
        if outcome.wrong:
            print(f"seed {outcome.seed} failed {outcome.wrong}\n  repeat: {REPEAT} {outcome.seed}", flush=True)
            if figures.failed >= options.failures:
                break
        elif figures.seeds % 500 == 0:
            print(f"{figures.seeds} of {len(seeds)}, {figures.failed} failed", file=sys.stderr, flush=True)
    lines = figure_lines(figures, time.monotonic() - began)
    print("\n".join(lines))
    if options.write is not None:
        put_between(options.write, BEGIN, END, table(lines), spaced=True)
    if figures.failed and not options.no_shrinking:
        _examine(figures.first_failed, False)
    return 1 if figures.failed else 0


def _examine(seed: int, whole: bool) -> int:
    """Run one seed; where it fails, show the smallest plan that does, and the stories of the tasks concerned."""
    plan = make_plan(seed)
    outcome = World(plan).run()
    if not outcome.wrong:
        print(f"seed {seed}: every promise kept, {outcome.tasks} tasks, trace {outcome.trace}")
        return 0
    print(f"seed {seed} failed {outcome.wrong}, trace {outcome.trace}")
    if not whole:
        items = len(plan.items)
        plan, outcome = shrink(plan, outcome)
        print(f"{len(plan.items)} of its {items} parts are enough: {outcome.wrong}")
    world = World(plan)
    world.run()
    print_plan(plan, world, tasks_concerned(plan, outcome))
    return 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.deterministic", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many to run (default 500)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default 0)")
    parser.add_argument("--seed", type=int, help="run this one alone; where it fails, shrink it and show what happened")
    parser.add_argument(
        "--whole", action="store_true", help="with --seed: show the plan as it is, without shrinking it"
    )
    parser.add_argument("--failures", type=int, default=5, help="stop after so many have failed (default 5)")
    parser.add_argument("--no-shrinking", action="store_true", help="do not look for the smallest plan that fails")
    parser.add_argument("--write", type=Path, help="put the figures into this page")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="how many at once (default: one for each core)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
