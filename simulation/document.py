"""The result of an experiment as JSON: the same for the same experiment, so that two can be compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from simulation.experiment import Experiment, Measured
from simulation.waits import WaitTruth


def write_document(experiment: Experiment, measured: Sequence[Measured], workload: str, path: Path) -> None:
    """Write it to this file, whose directory is made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document(experiment, measured, workload), indent=2, ensure_ascii=False) + "\n")


def document(experiment: Experiment, measured: Sequence[Measured], workload: str) -> dict[str, Any]:
    """What was simulated, and a row per policy and load. Latencies and waits in seconds."""
    return {
        "workload": workload,
        "tasks": len(experiment.requests),
        "seed": experiment.seed,
        "speeds": list(experiment.fleet.speeds),
        "capacity": experiment.fleet.capacity,
        "service": asdict(experiment.service),
        "events": [asdict(change) for change in experiment.changes],
        "rows": [_row(one) for one in measured],
    }


def _row(one: Measured) -> dict[str, Any]:
    row: dict[str, Any] = {
        "load": one.load,
        one.kind: one.policy,
        "latency_s": asdict(one.figures.latency),
        "slowdown": asdict(one.figures.slowdown),
    }
    if one.figures.evenness is not None:
        row["evenness_of_clients"] = one.figures.evenness
    if one.figures.late is not None:
        row["late"] = one.figures.late
    if one.kind == "strategy":
        row["order"] = one.order
        row["decisions"] = one.decisions
    if one.waits is not None:
        row["waits"] = {"all": _waits(one.waits[0]), "waited": _waits(one.waits[1])}
    return row


def _waits(truth: WaitTruth) -> dict[str, Any]:
    return {**asdict(truth), "bias": truth.bias if truth.true_s else None}
