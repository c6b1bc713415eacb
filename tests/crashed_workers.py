"""What is known of a pytest process that crashed (one of several, `-n`): by which signal, and where each thread was.

Without this the report says that it crashed while it ran a test, and no more.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

THREADS = "threads_at_the_end"
_folders: list[TemporaryDirectory[str]] = []
"""Each is removed with the process."""


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the process that reports: where a worker is to write what a crash leaves no time to send."""
    folder = TemporaryDirectory(prefix="swarm-pytest-")
    _folders.append(folder)
    node.workerinput[THREADS] = str(Path(folder.name, "threads"))


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """In a worker: after pytest's own handler, which writes to a terminal that others write to as well."""
    given = getattr(config, "workerinput", {}).get(THREADS)
    if given is not None:
        faulthandler.enable(os.open(given, os.O_WRONLY | os.O_CREAT))


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(report: pytest.TestReport) -> None:
    """In the process that reports: the test that ran when a worker crashed has failed, and this is why."""
    node: Any = vars(report)["node"]
    code = node.gateway._io.popen.wait(30)
    threads = Path(node.workerinput[THREADS])
    end = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    report.longrepr = f"{report.longrepr}: {end}\n{threads.read_text() if threads.exists() else ''}"
