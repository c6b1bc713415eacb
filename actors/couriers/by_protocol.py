"""Every errand by the courier that speaks its instance's protocol."""

from __future__ import annotations

from actors.courier import Courier, InstanceReport
from actors.couriers.uptimes import Uptimes
from actors.errands import Errand, PostCallback
from actors.messages import Message
from actors.messages.dispatcher import ProbeAnswered


class CourierByProtocol:
    """Sends errands for attached workers to `workers`, all others over HTTP."""

    def __init__(self, http: Courier, workers: Courier) -> None:
        self._http = http
        self._workers = workers
        self._uptimes = Uptimes()

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
        if isinstance(errand, PostCallback):
            return await self._http.run(errand)
        courier = self._workers if errand.endpoint.protocol == "worker" else self._http
        outcome = await courier.run(errand)
        return self._uptimes.note(errand.endpoint, outcome) if isinstance(outcome, ProbeAnswered) else outcome

    async def discover(self, host: str, port: int) -> InstanceReport:
        """Probe an unknown instance; only those that listen can be."""
        return await self._http.discover(host, port)
