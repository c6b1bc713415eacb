"""Processes of the storm, which die with it whatever happens."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.storm.hosts import HERE, Host

ROOT = Path(__file__).resolve().parents[2]
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Child:
    """`python -m module arguments`, started as often as it takes; its output is appended to one log."""

    def __init__(self, arguments: list[str], log: Path, environment: Mapping[str, str], host: Host = HERE) -> None:
        self._command = [sys.executable, "-m", *arguments]
        self._log = log
        self._host = host
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def printed(self) -> str:
        """Everything that all its lives have written."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def is_alive(self) -> bool:
        """Whether it runs (or is frozen)."""
        return self._process is not None and self._process.poll() is None

    @property
    def code(self) -> int | None:
        """The exit code of its last life."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it on its host. To be called by the main thread, whose end is the child's."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=self._settle,
            )

    def _settle(self) -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        self._host.enter()

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        if self.is_alive and self._process is not None:
            self._process.send_signal(number)

    async def wait(self, within_s: float) -> int:
        """The exit code. Raises TimeoutError."""
        assert self._process is not None
        return await asyncio.to_thread(_wait, self._process, within_s)


def _wait(process: subprocess.Popen[bytes], within_s: float) -> int:
    try:
        return process.wait(within_s)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"process {process.pid} still runs after {within_s:g} s") from None
