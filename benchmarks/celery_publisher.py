"""Sends tasks to Celery, one after the other: `python -m benchmarks.celery_publisher COUNT`; prints JSON."""

from __future__ import annotations

import json
import sys
from time import monotonic, process_time

from benchmarks.celery_tasks import run

TEXT = "x" * 970
"""With the other arguments about 1 KiB."""


def main() -> None:
    """Send so many."""
    used, began = process_time(), monotonic()
    for number in range(int(sys.argv[1])):
        run.delay(0, number, TEXT)
    published = {"began_at": began, "confirmed_at": monotonic(), "cpu_s": process_time() - used}
    sys.stdout.write(json.dumps(published))


if __name__ == "__main__":
    main()
