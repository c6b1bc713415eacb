"""Child processes, of which none outlives the benchmark, however that ends."""

from __future__ import annotations

import ctypes
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

START_TIMEOUT_S = 30.0
END_TIMEOUT_S = 15.0

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class ChildFailed(RuntimeError):
    """A child ended or did not say what was expected; the text has the end of its log."""


class Child:
    """A running `python -m MODULE`, its log in a file."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        log: Path,
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.module = module
        self._log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [python, "-m", module, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the benchmark, which ends its children in order
                preexec_fn=_die_with_parent,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def announced_url(self) -> str:
        """The address in the first line that it prints. Raises ChildFailed."""
        return self.announced(r"http://[\w.]+:\d+")

    def announced(self, pattern: str) -> str:
        """What the pattern finds in the first line that it prints. Raises ChildFailed."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_TIMEOUT_S)
        line = self.process.stdout.readline().decode() if ready else ""
        found = re.search(pattern, line)
        if found is None:
            raise self.failed(f"announced no {pattern} but {line!r}")
        return found.group()

    def output(self, timeout_s: float) -> bytes:
        """What it prints until it ends well. Raises ChildFailed."""
        try:
            printed, _ = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise self.failed(f"did not end within {timeout_s:.0f} s") from None
        if self.process.returncode:
            raise self.failed(f"ended with {self.process.returncode}")
        return printed

    def failed(self, what: str) -> ChildFailed:
        """The failure `what`, with the end of the log."""
        return ChildFailed(f"{what}; {self.log_end()}")

    def log_end(self) -> str:
        """The end of what it has logged."""
        return f"{self.module} logged: {self._log.read_text(errors='replace')[-2000:].strip() or 'nothing'}"

    def end(self) -> None:
        """SIGTERM, and SIGKILL where that takes long."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()


class Children:
    """A context in which children live; all that are left are killed at its end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._children: list[Child] = []

    def start(
        self,
        module: str,
        *arguments: str,
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        """Start one more."""
        log = self.directory / f"{len(self._children):02}-{module}.log"
        child = Child(module, arguments, log, python, environment)
        self._children.append(child)
        return child

    def logs(self) -> str:
        """The end of what each child that still runs has logged."""
        return "\n".join(child.log_end() for child in self._children if child.process.poll() is None)

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in reversed(self._children):
            child.kill()


def wait_until(
    condition: str, is_met: Callable[[], bool], timeout_s: float = START_TIMEOUT_S, poll_s: float = 0.05
) -> None:
    """Poll until `is_met()`. Raises TimeoutError naming the condition."""
    deadline = time.monotonic() + timeout_s
    while not is_met():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:.0f} s in vain: {condition}")
        time.sleep(poll_s)


def _die_with_parent() -> None:
    """The kernel ends this child with its parent, even where that is killed."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        os._exit(1)
