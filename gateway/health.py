"""Whether a gateway is up and takes tasks, and which part of it does not work: one look, for REST and gRPC."""

from __future__ import annotations

import asyncio
from typing import Final

from actors.errors import SwarmPilotError
from actors.settings import Settings
from gateway.edge import Edge, ServiceStatus
from gateway.schemas_service import Health, IllPart

VERSION: Final = "2.0.0"
STORE_ANSWERS_S: Final = 2.0
"""How long the store may take before it counts as ill (s)."""


async def look(edge: Edge) -> ServiceStatus:
    """How the service is now, its store asked first: while there is nothing to do nobody else would notice."""
    if edge.phase() == "starting":
        return edge.status()
    try:
        async with asyncio.timeout(STORE_ANSWERS_S):
            await edge.reader.known([""])
    except (SwarmPilotError, TimeoutError) as error:
        edge.vitals.ill("store", str(error) or f"no answer within {STORE_ANSWERS_S:g} s", "reads")
    else:
        edge.vitals.well("store", "reads")
    return edge.status()


def shown(status: ServiceStatus, settings: Settings) -> Health:
    """The same as the answer to GET /health."""
    return Health(
        status=status.health,
        ill=[IllPart(part=i.part, detail=i.detail, since=i.since, reason=i.reason) for i in status.ill],
        service="scheduler",
        version=VERSION,
        priority_order=settings.priority_order,
        broker=status.broker,
    )
