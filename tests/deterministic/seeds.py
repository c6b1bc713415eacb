"""Runs of many seeds, on several cores."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.deterministic.plan import make_plan
from tests.deterministic.world import Outcome, World

CHUNK = 5


def run_seed(seed: int) -> Outcome:
    """One run, and what it came to."""
    return World(make_plan(seed)).run()


def run_chunk(seeds: range) -> list[Outcome]:
    """Several, for a process of its own."""
    return [run_seed(seed) for seed in seeds]


def outcomes(seeds: range, processes: int) -> Iterator[Outcome]:
    """Of all seeds, in order."""
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    if processes == 1:
        for chunk in chunks:
            yield from run_chunk(chunk)
        return
    # Not forked: who has used gRPC, as other tests have, leaves what never ends when it is swept up in a fork.
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        try:
            for done in pool.map(run_chunk, chunks):
                yield from done
        finally:
            pool.shutdown(cancel_futures=True)
