"""A private PostgreSQL of Debian: own data directory and port, ordinary user; gone without a trace at the end."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.debian_packages import install_if_absent

PACKAGE = "postgresql"
VERSIONS = Path("/usr/lib/postgresql")
HOW_TO_INSTALL = (
    "A PostgreSQL is needed. Install one with `apt-get install postgresql` (as root; no service need run), or start "
    "Docker, or set POSTGRES_URL=postgresql://user:password@host:port/postgres to a server where databases may be made."
)
STOP_TIMEOUT_S = 30.0


class PrivatePostgres:
    """One server as a child process, ended by its process id. It flushes to the disk as in production."""

    def __init__(self, free_port: Callable[[], int], wait_for_postgres: Callable[[str], None]) -> None:
        install_if_absent(PACKAGE, lambda: _programs() is not None, HOW_TO_INSTALL)
        found = _programs()
        assert found is not None
        self._programs = found
        self._wait_for_postgres = wait_for_postgres
        self._port = free_port()
        self._user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
        self._home = Path(tempfile.mkdtemp(prefix="swarm-postgres-"))
        self._server: subprocess.Popen[bytes] | None = None
        self._reaper: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            shutil.chown(self._home, self._user, self._user)
        atexit.register(self.close)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    @property
    def pid(self) -> int:
        """The process id of the server that listens."""
        assert self._server is not None
        return self._server.pid

    def start(self) -> None:
        """Start the server, on the data of its last run where there was one."""
        if not self._data.exists():
            options = ["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D", str(self._data)]
            self._spawn("initdb", *options, log="initdb.log").wait()
        options = ["-D", str(self._data), "-p", str(self._port), "-h", "127.0.0.1", "-k", str(self._home)]
        self._server = self._spawn("postgres", *options, log="console.log")
        self._reaper = _spawn_reaper(self._server.pid, self._home)
        try:
            self._wait_for_postgres(self.url)
        except TimeoutError as error:
            logs = "\n".join(log.read_text(errors="replace")[-2000:] for log in sorted(self._home.glob("*.log")))
            raise TimeoutError(f"{error}; it says:\n{logs}") from None

    def stop(self) -> None:
        """SIGINT: sessions are cut, everything is written."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL of the server and all its sessions: the next start recovers from the log."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End it and remove the data."""
        atexit.unregister(self.close)
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def _end(self, signum: signal.Signals) -> None:
        if self._server is None:
            return
        if self._reaper is not None:
            self._reaper.kill()
            self._reaper.communicate()
            self._reaper = None
        sessions = _children(self._server.pid) if signum == signal.SIGKILL else []
        for pid in (self._server.pid, *sessions):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)
        try:
            self._server.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    def _spawn(self, program: str, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with (self._home / log).open("ab") as output:
            return subprocess.Popen(
                [str(self._programs / program), *arguments],
                env=inherited | {"LC_ALL": "C"},
                cwd=self._home,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def _programs() -> Path | None:
    """Where the newest installed version has its programs."""
    found = sorted(VERSIONS.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


def _children(pid: int) -> list[int]:
    """The processes that this one has forked."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _spawn_reaper(server: int, home: Path) -> subprocess.Popen[bytes]:
    """A shell that outlives us: its stdin ends when we do, however that comes about, and then it clears up."""
    script = 'read _; kill -QUIT "$0"; while kill -0 "$0" 2>/dev/null; do sleep 0.1; done; rm -rf "$1"'
    return subprocess.Popen(
        ["sh", "-c", script, str(server), str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
