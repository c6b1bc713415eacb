"""The distributed deployment under test: two processes of each role on these few cores."""

from __future__ import annotations

from benchmarks.children import Child, Children
from benchmarks.deployment import PORTS, Deployment, cpu_s

HOSTS = ("scheduler", "agents", "dispatchers")
EACH = 2


class Cluster(Deployment):
    """Loaded through both gateways; what it costs is what all of its processes cost."""

    def _start(self, children: Children, options: list[str]) -> list[Child]:
        hosts = [children.start("swarmpilot", role, *options) for role in HOSTS for _ in range(EACH)]
        gateways = [children.start("swarmpilot", "gateway", *PORTS, *options) for _ in range(EACH)]
        for host in hosts:
            host.announced("SwarmPilot")
        self._parts = [*hosts, *gateways]
        return gateways

    @property
    def cpu_s(self) -> float:
        """Processor time that all processes but the instances have used."""
        return sum(map(cpu_s, self._parts))

    def end(self) -> None:
        """Stop all of it."""
        super().end()
        for part in self._parts:
            part.end()
