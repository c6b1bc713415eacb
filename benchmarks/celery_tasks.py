"""The same work on Celery: `python -m celery -A benchmarks.celery_tasks worker`, as its documentation has it.

Needs Celery and the standard library only, so that a Python of its own can run it. Settings are Celery's defaults:
durable queue, persistent messages, prefork with a process a core, early acknowledgement, no confirms; no results.
"""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery  # type: ignore[import-not-found]
from celery.signals import worker_ready  # type: ignore[import-not-found]

app = Celery("benchmarks.celery_tasks", broker=os.environ["BENCH_AMQP"])
app.conf.task_ignore_result = True
app.conf.task_default_queue = "bench-celery"

_counted = os.open(os.environ["BENCH_COUNT"], os.O_WRONLY | os.O_APPEND)


@app.task  # type: ignore[untyped-decorator]
def run(service_ms: int, number: int, text: str) -> dict[str, int]:
    """No work: one byte into a file, by which the end is seen from outside."""
    os.write(_counted, b".")
    return {"number": number}


@worker_ready.connect  # type: ignore[untyped-decorator]
def announce(**_: object) -> None:
    """Tell the benchmark."""
    Path(os.environ["BENCH_COUNT"] + ".ready").touch()
