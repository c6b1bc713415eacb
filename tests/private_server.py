"""A server of a Debian package as a child process: own data and port, ended by process id, gone without a trace."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.debian_packages import Debian

STOP_TIMEOUT_S = 30.0


class PrivateServer(ABC):
    """What is common to all of them, which run in the `debian` that has them.

    `wait` returns once a server answers at a URL, or raises TimeoutError.
    """

    reaping: str
    """How a shell ends what `_reaped` names, which are its arguments from $1 on."""

    def __init__(self, name: str, wait: Callable[[str], None], debian: Debian) -> None:
        self._wait = wait
        self._debian = debian
        self._home = Path(tempfile.mkdtemp(prefix=f"swarm-{name}-"))
        self._server: subprocess.Popen[bytes] | None = None
        self._reaper: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it listens."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """The process id of the server that listens."""

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the server, which leads a session of its own."""

    @abstractmethod
    def _reaped(self) -> list[int]:
        """The process ids that must not outlive us."""

    @abstractmethod
    def _signal(self, signum: signal.Signals) -> None:
        """To all processes of it that must hear."""

    def start(self) -> None:
        """Start the server, on the data of its last run where there was one; returns once it answers.

        One that does not answer is ended and started once more: on a machine that runs much else, it happens.
        """
        try:
            self._start()
        except TimeoutError:
            self._end(signal.SIGKILL)
            self._start()

    def _start(self) -> None:
        self._server = self._launch()
        self._reaper = _spawn_reaper(self.reaping, self._home, self._reaped())
        try:
            self._wait(self.url)
        except TimeoutError as error:
            logs = "\n".join(log.read_text(errors="replace")[-2000:] for log in sorted(self._home.glob("*.log")))
            raise TimeoutError(f"{error}; it {self._condition()}, and says:\n{logs}") from None

    def _condition(self) -> str:
        assert self._server is not None
        code = self._server.poll()
        if code is not None:
            return f"has ended with {code}"
        status = Path(f"/proc/{self._server.pid}/status").read_text()
        return "is in " + next(line for line in status.splitlines() if line.startswith("State:"))

    def kill(self) -> None:
        """SIGKILL: the next start recovers the data."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End it and remove the data."""
        atexit.unregister(self.close)
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _end(self, signum: signal.Signals) -> None:
        """Signal it, then clear what is left of its session."""
        if self._server is None:
            return
        if self._reaper is not None:
            self._reaper.kill()
            self._reaper.communicate()
            self._reaper = None
        with contextlib.suppress(ProcessLookupError):
            self._signal(signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.wait(STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait()
        self._server = None

    def _spawn(
        self, command: list[str], environment: Mapping[str, str], log: str, user: str | None = None
    ) -> subprocess.Popen[bytes]:
        """A process in a session of its own; `log` is appended to, in the server's folder."""
        with (self._home / log).open("ab") as output:
            return subprocess.Popen(
                self._debian.command(command, user),
                env=environment,
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def _spawn_reaper(reaping: str, home: Path, pids: list[int]) -> subprocess.Popen[bytes]:
    """A shell that outlives us: its stdin ends when we do, however that comes about, and then it clears up."""
    return subprocess.Popen(
        ["sh", "-c", f'read _; {reaping}; rm -rf "$0"', str(home), *(str(pid) for pid in pids)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
