"""A private `rabbitmq-server` of Debian: own ports, node name, cookie and data; gone without a trace at the end."""

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

PACKAGE = "rabbitmq-server"
SERVER_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # Debian's /usr/sbin wrapper insists on its own user
HOW_TO_INSTALL = (
    "A RabbitMQ is needed. Install one with `apt-get install rabbitmq-server` (as root; no service need run), "
    "or start Docker, or set AMQP_URL=amqp://user:password@host:port/vhost to a broker that may be used for tests."
)


class PrivateRabbit:
    """One node as a child process, with an epmd of its own; both are ended by their process ids."""

    def __init__(self, free_port: Callable[[], int], wait_for_amqp: Callable[[int], None]) -> None:
        install_if_absent(PACKAGE, SERVER_SCRIPT.exists, HOW_TO_INSTALL)
        self._wait_for_amqp = wait_for_amqp
        self._port, self._dist_port, self._epmd_port = free_port(), free_port(), free_port()
        self._home = Path(tempfile.mkdtemp(prefix="swarm-rabbit-"))
        self._node: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._reaper: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self._port}/"

    @property
    def pid(self) -> int:
        """The process id of the Erlang machine."""
        return int(self._pid_file.read_text())

    def start(self) -> None:
        """Start the node, on the data of its last run where there was one."""
        environment = self._environment()
        if self._epmd is None:
            self._epmd = _spawn(["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"], environment)
        self._pid_file.unlink(missing_ok=True)
        self._node = _spawn([str(SERVER_SCRIPT)], environment, self._home / "console.log")
        self._reaper = _spawn_reaper(self._node.pid, self._epmd.pid, self._home)
        try:
            self._wait_for_amqp(self._port)
        except TimeoutError as error:
            console = (self._home / "console.log").read_text(errors="replace")[-2000:]
            raise TimeoutError(f"{error}; its console says:\n{console}") from None

    def stop(self) -> None:
        """SIGTERM: Erlang shuts the node down in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End node and epmd and remove the data."""
        atexit.unregister(self.close)
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None
        shutil.rmtree(self._home, ignore_errors=True)

    @property
    def _pid_file(self) -> Path:
        return self._home / "pid"

    def _end(self, signum: signal.Signals) -> None:
        """Signal the Erlang machine (the start script waits for it), then clear what is left of its session."""
        if self._node is None:
            return
        if self._reaper is not None:
            self._reaper.kill()
            self._reaper.communicate()
            self._reaper = None
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            os.kill(int(self._pid_file.read_text()), signum)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._node.wait(timeout=30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._node.pid, signal.SIGKILL)
        self._node.wait()
        self._node = None

    def _environment(self) -> dict[str, str]:
        home = self._home
        (home / "enabled_plugins").write_text("[].\n")
        (home / "rabbitmq.conf").write_text("loopback_users.guest = true\ndisk_free_limit.absolute = 50MB\n")
        (home / "rabbitmq-env.conf").touch()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        return inherited | {
            "HOME": str(home),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"swarm-{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "config"),
            "RABBITMQ_SCHEMA_DIR": str(home / "schema"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self._pid_file),
            # Erlang's schedulers must not spin while idle on a machine that others work on.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"-kernel inet_dist_use_interface {{127,0,0,1}} +S {min(4, os.cpu_count() or 1)} "
                "+sbwt none +sbwtdcpu none +sbwtdio none"
            ),
        }


def _spawn(command: list[str], environment: dict[str, str], log: Path | None = None) -> subprocess.Popen[bytes]:
    with open(log or os.devnull, "ab") as output:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _spawn_reaper(node: int, epmd: int, home: Path) -> subprocess.Popen[bytes]:
    """A shell that outlives us: its stdin ends when we do, however that comes about, and then it clears up."""
    script = 'read _; kill -9 "-$0"; kill -9 "$1"; rm -rf "$2"'
    return subprocess.Popen(
        ["sh", "-c", script, str(node), str(epmd), str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
