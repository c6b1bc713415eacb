"""A private PostgreSQL of Debian, run by an ordinary user. It flushes to the disk as in production."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.debian_packages import Debian, debian_of_servers
from tests.free_ports import free_port
from tests.private_server import PrivateServer

PACKAGE = "postgresql"
VERSIONS = "/usr/lib/postgresql"
GUARDED = "guarded"
"""Users of this name need their password."""
HOW_TO_INSTALL = (
    "A PostgreSQL is needed. Install one with `apt-get install postgresql` (as root; no service need run), or start "
    "Docker, or set POSTGRES_URL=postgresql://user:password@host:port/postgres to a server where databases may be made."
)


class PrivatePostgres(PrivateServer):
    """One server. `everywhere`: it listens on all addresses and trusts who asks, for a network of its own."""

    reaping = 'kill -QUIT "$1"; while kill -0 "$1" 2>/dev/null; do sleep 0.1; done'

    def __init__(self, wait: Callable[[str], None], *, everywhere: bool = False) -> None:
        debian = debian_of_servers()
        debian.install_if_absent(PACKAGE, lambda: _programs(debian) is not None, HOW_TO_INSTALL)
        found = _programs(debian)
        assert found is not None
        super().__init__("postgres", wait, debian)
        self._programs = found
        self._everywhere = everywhere
        self._port = free_port()
        self._user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
        if self._user is not None:
            debian.give(self._home, self._user)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    def stop(self) -> None:
        """SIGINT: sessions are cut, everything is written."""
        self._end(signal.SIGINT)

    def _launch(self) -> subprocess.Popen[bytes]:
        data = self._home / "data"
        if not data.exists():
            options = ["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D", str(data)]
            self._program("initdb", *options, log="initdb.log").wait()
            _ask_for_password(data / "pg_hba.conf")
            if self._everywhere:
                with (data / "pg_hba.conf").open("a") as rules:
                    rules.write("host all all all trust\n")
        address = "*" if self._everywhere else "127.0.0.1"
        options = ["-D", str(data), "-p", str(self._port), "-h", address, "-k", str(self._home)]
        return self._program("postgres", *options, log="console.log")

    def _reaped(self) -> list[int]:
        return [self.pid]

    def _signal(self, signum: signal.Signals) -> None:
        sessions = _children(self.pid) if signum == signal.SIGKILL else []
        for pid in (self.pid, *sessions):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)

    def _program(self, name: str, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return self._spawn([f"{self._programs}/{name}", *arguments], inherited | {"LC_ALL": "C"}, log, self._user)


def _ask_for_password(rules: Path) -> None:
    """Of this user it has to be told, as everybody has with a server that others can reach."""
    rules.write_text(f"host all {GUARDED} all scram-sha-256\n{rules.read_text()}")


def _programs(debian: Debian) -> str | None:
    """The folder in which the newest version that is installed there has its programs."""
    versions = [float(path.parts[-3]) for path in debian.path(VERSIONS).glob("*/bin/postgres")]
    return f"{VERSIONS}/{max(versions):g}/bin" if versions else None


def _children(pid: int) -> list[int]:
    """The processes that this one has forked."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
