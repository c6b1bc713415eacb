"""Children of a `nursery` as a test sees them: born with settings, killed or awaited, with what they printed."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.scenarios.processes import ROOT

BIRTH_S = 60.0


class Forked:
    """One child."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid = pid
        self.log = log
        self.code: int | None = None
        self._died = threading.Event()

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return not self._died.is_set()

    def died(self, code: int) -> None:
        """It has ended."""
        self.code = code
        self._died.set()

    def wait(self, within_s: float = 30.0) -> int:
        """The exit code, negative for a signal; fails with its log where it goes on living."""
        if not self._died.wait(within_s):
            raise AssertionError(f"still alive after {within_s:g} s:\n{self.printed}")
        assert self.code is not None
        return self.code

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        if self.is_alive:
            os.kill(self.pid, number)

    @property
    def printed(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Nursery:
    """The process that forks. Children are born one after the other, from any thread."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.scenarios.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._children: dict[int, Forked] = {}
        self._births: dict[int, tuple[Path, queue.SimpleQueue[Forked]]] = {}
        self._wishes = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def service(self, log: Path, settings: dict[str, Any]) -> Forked:
        """A whole service."""
        return self._wish({"what": "service", "settings": settings}, log)

    def instance(self, log: Path, port: int, scheduler: str) -> Forked:
        """An instance of the model `m`, which notes what it runs."""
        return self._wish({"what": "instance", "port": port, "scheduler": scheduler}, log)

    def close(self) -> None:
        """End it, and with it all children."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def _wish(self, wish: dict[str, Any], log: Path) -> Forked:
        assert self._process.stdin is not None
        born: queue.SimpleQueue[Forked] = queue.SimpleQueue()
        with self._lock:
            self._wishes += 1
            self._births[self._wishes] = (log, born)
            line = json.dumps({**wish, "wish": self._wishes, "log": str(log)})
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        return born.get(timeout=BIRTH_S)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "born" in told:
                log, born = self._births.pop(told["wish"])
                child = self._children[told["born"]] = Forked(told["born"], log)
                born.put(child)
            else:
                self._children.pop(told["died"]).died(told["code"])
