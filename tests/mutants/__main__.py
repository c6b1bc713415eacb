"""`python -m tests.mutants`: each mutant against the suites, until one of them goes red."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.page import write_table

ROOT = Path(__file__).parents[2]
COPIED = (
    "actors",
    "gateway",
    "rabbitmq",
    "swarmpilot",
    "simulation",
    "protos",
    "tests",
    "benchmarks",
    "pyproject.toml",
)

SUITES: Sequence[tuple[str, Sequence[str]]] = (
    ("crash points (embedded)", ("tests/properties/test_runtime_crashes.py",)),
    ("store contract", ("tests/contracts/test_store.py", "tests/contracts/test_store_rows.py")),
    ("leases and hosting", ("tests/contracts/test_leases.py", "tests/contracts/test_hosting.py")),
    ("unit tests and properties", ("tests/unit", "tests/properties")),
)
"""What is tried after the simulation, in this order."""

LONGEST_S = 1200.0
"""How long one suite may take (s)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: which suite caught it, with what, and in how many seconds; "" for none."""

    mutant: Mutant
    suite: str
    proof: str
    seconds: float


def try_mutant(mutant: Mutant, seeds: int) -> Verdict:
    """Build it, and run suites until one is red."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        root = Path(folder)
        _copy(root)
        mutant.apply(root)
        suite, proof = _first_red(root, seeds)
    return Verdict(mutant, suite, proof, time.monotonic() - began)


def _copy(root: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / name)


def _first_red(root: Path, seeds: int) -> tuple[str, str]:
    """The suite that is red there, and green in the tree that nothing was taken out of."""
    simulation = ["-m", "tests.deterministic"]
    said = _run(root, [*simulation, "--seeds", str(seeds), "--failures", "1", "--no-shrinking"])
    if said.returncode:
        found = re.search(r"^seed (\d+) failed (.*)$", said.stdout, re.MULTILINE)
        if found is None:
            return "simulation", said.stderr.strip().splitlines()[-1]
        whole = _run(ROOT, [*simulation, "--seed", found[1], "--whole"])
        if whole.returncode:
            raise SystemExit(f"seed {found[1]} fails without any mutant: repair that first\n{whole.stdout}")
        return "simulation", f"seed {found[1]}: {found[2].partition(' s: ')[2]}"
    for name, paths in SUITES:
        said = _run(root, ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *paths])
        red = re.search(r"^(?:FAILED|ERROR) (\S+)", said.stdout, re.MULTILINE)
        if red and not _run(ROOT, ["-m", "pytest", "-q", "-p", "no:cacheprovider", red[1]]).returncode:
            return name, red[1]
    return "", ""


def _run(root: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """The interpreter with these arguments, running in this tree and importing from it alone."""
    command = [sys.executable, *arguments]
    environment = {"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )


def main() -> int:
    """0 where every mutant was caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="of the simulation for each (default 2000)")
    parser.add_argument("--only", default="", help="only mutants whose name has this in it")
    parser.add_argument("--write", type=Path, help="put the table into this page")
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if options.only in mutant.name]
    verdicts = []
    for mutant in chosen:
        verdict = try_mutant(mutant, options.seeds)
        verdicts.append(verdict)
        print(
            f"{verdict.suite or 'NOT CAUGHT':<26} {verdict.seconds:6.1f} s  {mutant.name}: {verdict.proof}", flush=True
        )
    caught = sum(bool(verdict.suite) for verdict in verdicts)
    print(f"{caught} of {len(chosen)} caught")
    if options.write is not None:
        write_table(options.write, verdicts)
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
