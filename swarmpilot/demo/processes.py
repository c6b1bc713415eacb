"""The demo's child processes: started with their output in a file each, and ended on every path."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1


class ChildFailed(Exception):
    """A child process ended by itself; the text holds the end of its output."""


@dataclass(frozen=True, slots=True)
class Child:
    """One running process of ours."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Children:
    """Processes of the `swarmpilot` command that do not outlive this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._children: list[Child] = []

    def start(self, name: str, arguments: Sequence[str]) -> Child:
        """Start `swarmpilot <arguments>`."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "swarmpilot", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A session of its own: Ctrl-C reaches only us, and we end the children in the right order.
                start_new_session=True,
                preexec_fn=_die_with_parent(),
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def check(self) -> None:
        """Raise ChildFailed where a child is no longer there."""
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                raise ChildFailed(f"the {child.name} ended with code {code}: {_last_lines(child.log)}")

    def stop(self, grace_s: float) -> None:
        """End all, the last started first (instances before their scheduler); killed where `grace_s` is not enough."""
        schedulers = [child for child in self._children if child.name == "scheduler"]
        others = [child for child in self._children if child.name != "scheduler"]
        for group in (others, schedulers):
            for child in group:
                child.process.terminate()
            deadline = time.monotonic() + grace_s
            for child in group:
                try:
                    child.process.wait(max(0.05, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
        self._children.clear()


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> Callable[[], None] | None:
    # Even kill -9 of this process must leave none behind; only Linux can promise that.
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return " | ".join(lines[-3:]) or "it said nothing"
