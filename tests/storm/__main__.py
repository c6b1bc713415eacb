"""`python -m tests.storm`: real processes, a real RabbitMQ, a real PostgreSQL, and faults at random; exit code 1 where
anything was lost or doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.storm.deployments import TITLES
from tests.storm.hosts import two_hosts, why_not
from tests.storm.report import as_markdown, write_section
from tests.storm.storm import Plan, Storm, run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
EXAMPLES = """
examples:
  python -m tests.storm                                every deployment, a storm of 60 s over each
  python -m tests.storm --deployment distributed --storms 5
  python -m tests.storm --seed 7 --rate 100            the same choices again, under a load of one's own
  python -m tests.storm --storms 4 --report            and write the figures into docs/reliability.md

Two hosts are network namespaces, which need root and /dev/net/tun; where there are none, a line says so.
"""


def main() -> int:
    """Storm over each deployment that was asked for."""
    arguments = _arguments()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1_000_000)
    is_good = True
    for name in TITLES if arguments.deployment == "all" else [arguments.deployment]:
        if name == "two-hosts" and (reason := why_not()):
            sys.stdout.write(f"### {TITLES[name]}\n\nnot on this machine: {reason}\n")
            continue
        text, held = _storms(name, arguments, range(seed, seed + arguments.storms))
        is_good = is_good and held
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        if arguments.report and held:
            write_section(PAGE, f"storm {name}", text)
    return 0 if is_good else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.storm",
        description="Kills, freezes and cuts off the processes of a whole deployment at random under load, heals "
        "everything, waits until all tasks have ended, and reads the record: lost and doubled must be 0.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--deployment", choices=[*TITLES, "all"], default="all", help="what to storm over (default all)")
    add("--seconds", type=float, default=60.0, help="how long each storm lasts (default 60)")
    add("--storms", type=int, default=1, help="how many over each, of one seed after the other (default 1)")
    add("--rate", type=float, default=None, help="tasks a second (default: a third of what is measured before)")
    add("--seed", type=int, default=None, help="seed of all choices (default: a new one, which is said)")
    add("--only", nargs="+", default=("",), metavar="TEXT", help="only harm with this in its name: 'SIGSTOP agents'")
    add("--frozen", type=float, nargs=2, default=(5.0, 20.0), metavar="S", help="SIGSTOP lasts so long (default 5 20)")
    add("--report", action="store_true", help=f"write the figures into {PAGE.name}")
    return parser.parse_args()


def _storms(name: str, arguments: argparse.Namespace, seeds: Iterable[int]) -> tuple[str, bool]:
    """The report on all, or on why one did not come to rest; whether all is well."""
    storms: list[Storm] = []
    for seed in seeds:
        folder = Path(tempfile.mkdtemp(prefix=f"swarm-storm-{name}-"))
        plan = Plan(name, arguments.seconds, arguments.rate, seed, tuple(arguments.only), tuple(arguments.frozen))
        try:
            storms.append(_storm(plan, folder))
        except TimeoutError as error:
            return f"### {TITLES[name]}\n\nseed {seed}: {error}; see the logs in {folder}\n", False
        if storms[-1].outcome.is_good:
            shutil.rmtree(folder)
        else:
            return as_markdown(storms[-1:]) + f"\nSee the logs in {folder}.\n", False
    return as_markdown(storms), True


def _storm(plan: Plan, folder: Path) -> Storm:
    begun = time.monotonic()

    def say(what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - begun:6.1f} s  {what}\n")

    say(f"seed {plan.seed}")
    if plan.deployment != "two-hosts":
        return asyncio.run(run(plan, folder, say))
    with two_hosts() as hosts:
        return asyncio.run(run(plan, folder, say, hosts))


if __name__ == "__main__":
    sys.exit(main())
