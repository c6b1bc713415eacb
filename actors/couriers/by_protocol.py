"""Every errand by the courier that speaks its instance's protocol."""

from __future__ import annotations

from actors.courier import Courier, InstanceReport
from actors.errands import Errand, PostCallback
from actors.messages import Message


class CourierByProtocol:
    """Sends errands for attached workers to `workers`, all others over HTTP."""

    def __init__(self, http: Courier, workers: Courier) -> None:
        self._http = http
        self._workers = workers

    async def open(self) -> None:
        """Make both ready."""
        await self._http.open()
        await self._workers.open()

    async def close(self) -> None:
        """Abandon what is under way."""
        await self._workers.close()
        await self._http.close()

    async def run(self, errand: Errand) -> Message | None:
        """Run the errand; see the port."""
        if not isinstance(errand, PostCallback) and errand.endpoint.protocol == "worker":
            return await self._workers.run(errand)
        return await self._http.run(errand)

    async def discover(self, host: str, port: int) -> InstanceReport:
        """Probe an unknown instance; only those that listen can be."""
        return await self._http.discover(host, port)
