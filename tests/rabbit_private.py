"""A private `rabbitmq-server` of Debian: one node with a name, a cookie and an epmd of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.debian_packages import debian_of_servers
from tests.free_ports import free_port
from tests.private_server import PrivateServer

PACKAGE = "rabbitmq-server"
SERVER_SCRIPT = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # Debian's /usr/sbin wrapper insists on its own user
HOW_TO_INSTALL = (
    "A RabbitMQ is needed. Install one with `apt-get install rabbitmq-server` (as root; no service need run), "
    "or start Docker, or set AMQP_URL=amqp://user:password@host:port/vhost to a broker that may be used for tests."
)


class PrivateRabbit(PrivateServer):
    """The server process is the start script, which waits for the Erlang machine. `everywhere`: it listens on all
    addresses, for a network of its own. `joins`: a node that has been started, of whose cluster it becomes a part."""

    reaping = 'kill -9 "-$1"; kill -9 "$2"'

    def __init__(
        self, wait: Callable[[str], None], *, everywhere: bool = False, joins: PrivateRabbit | None = None
    ) -> None:
        debian = debian_of_servers()
        debian.install_if_absent(PACKAGE, debian.path(SERVER_SCRIPT).exists, HOW_TO_INSTALL)
        super().__init__("rabbit", wait, debian)
        self._everywhere = everywhere
        self._port, self._dist_port = free_port(), free_port()
        self._epmd_port: int = free_port() if joins is None else joins._epmd_port
        self._cookie: str = secrets.token_hex(10) if joins is None else joins._cookie
        self._joins = joins
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self._port}/"

    @property
    def pid(self) -> int:
        return int(self._pid_file.read_text())

    def stop(self) -> None:
        """SIGTERM: Erlang shuts the node down in good order."""
        self._end(signal.SIGTERM)

    def close(self) -> None:
        """End node and epmd and remove the data."""
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None
        super().close()

    @property
    def _node(self) -> str:
        return f"swarm-{self._port}@localhost"

    def _cluster(self) -> list[str]:
        """What the configuration says of the cluster that it joins when it starts for the first time."""
        if self._joins is None:
            return []
        discovery = "cluster_formation.peer_discovery_backend = classic_config"
        nodes = enumerate([self._joins._node, self._node], start=1)
        return [discovery, *(f"cluster_formation.classic_config.nodes.{number} = {node}" for number, node in nodes)]

    @property
    def _pid_file(self) -> Path:
        return self._home / "pid"

    def _launch(self) -> subprocess.Popen[bytes]:
        environment = self._environment()
        if self._epmd is None and self._joins is None:
            command = ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"]
            self._epmd = self._spawn(command, environment, "epmd.log")
        self._pid_file.unlink(missing_ok=True)
        return self._spawn([SERVER_SCRIPT], environment, "console.log")

    def _reaped(self) -> list[int]:
        return [process.pid for process in (self._server, self._epmd) if process is not None]

    def _signal(self, signum: signal.Signals) -> None:
        with contextlib.suppress(FileNotFoundError, ValueError):
            os.kill(self.pid, signum)

    def _environment(self) -> dict[str, str]:
        home = self._home
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(self._cookie)
            cookie.chmod(0o400)
        (home / "enabled_plugins").write_text("[].\n")
        loopback_only = "none" if self._everywhere else "guest"
        settings = [f"loopback_users.{loopback_only} = true", "disk_free_limit.absolute = 50MB"]
        (home / "rabbitmq.conf").write_text("\n".join([*settings, *self._cluster(), ""]))
        (home / "rabbitmq-env.conf").touch()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        return inherited | {
            "HOME": str(home),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_IP_ADDRESS": "0.0.0.0" if self._everywhere else "127.0.0.1",
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
