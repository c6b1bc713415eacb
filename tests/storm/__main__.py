"""`python -m tests.storm`: real processes, a real RabbitMQ, a real PostgreSQL, and faults at random; exit code 1 where
anything was lost or doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.storm.report import as_markdown, write_section
from tests.storm.storm import DEPLOYMENTS, TITLES, Plan, run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
EXAMPLES = """
examples:
  python -m tests.storm                                every deployment, 60 s each
  python -m tests.storm --deployment sqlite --seconds 20
  python -m tests.storm --seed 7 --rate 100            the same choices again, under more load
  python -m tests.storm --report                       and write the figures into docs/reliability.md
"""


def main() -> int:
    """Storm over each deployment that was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.storm",
        description="Kills, freezes and cuts off the processes of a whole deployment at random under load, heals "
        "everything, waits until all tasks have ended, and reads the record: lost and doubled must be 0.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--deployment", choices=[*DEPLOYMENTS, "all"], default="all", help="what to storm over")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long, for each (default 60)")
    parser.add_argument(
        "--rate", type=float, default=60.0, help="tasks a second, about a third of what the machine can"
    )
    parser.add_argument(
        "--seed", type=int, default=None, help="seed of all choices (default: a new one, which is said)"
    )
    parser.add_argument("--frozen", type=float, nargs=2, default=(5.0, 20.0), metavar="S", help="SIGSTOP lasts so long")
    parser.add_argument("--report", action="store_true", help=f"write the figures into {PAGE.name}")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1_000_000)
    chosen = list(DEPLOYMENTS) if arguments.deployment == "all" else [arguments.deployment]
    is_good = True
    for name in chosen:
        plan = Plan(name, arguments.seconds, arguments.rate, seed, tuple(arguments.frozen))
        text, held = _storm(plan)
        is_good = is_good and held
        sys.stdout.write(f"{text}\n")
        if arguments.report and held:
            write_section(PAGE, f"storm {name}", text)
    return 0 if is_good else 1


def _storm(plan: Plan) -> tuple[str, bool]:
    begun = time.monotonic()

    def say(what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - begun:6.1f} s  {what}\n")

    folder = Path(tempfile.mkdtemp(prefix=f"swarm-storm-{plan.deployment}-"))
    say(f"seed {plan.seed}")
    try:
        storm = asyncio.run(run(plan, folder, say))
    except TimeoutError as error:
        return f"### {TITLES[plan.deployment]}\n\nseed {plan.seed}: {error}; see the logs in {folder}\n", False
    return as_markdown(storm), storm.outcome.is_good


if __name__ == "__main__":
    sys.exit(main())
