"""Starts a part of a deployment, which may be up before the database and the broker that it needs."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import structlog

from actors.backoff import exponential, spread
from actors.errors import BrokerUnavailable, BrokerUnfit, StoreUnavailable, StoreUnfit
from gateway.service import Service

FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 10.0

log = structlog.get_logger(__name__)


async def start_patiently(service: Service, given_up: asyncio.Future[Any]) -> bool:
    """Start it, trying again for as long as database or broker cannot be reached. False where `given_up` came first.

    It is to be stopped in the end, whatever comes of it. Raises what waiting does not mend.
    """
    tries = 0
    while not given_up.done():
        tries += 1
        starting = asyncio.create_task(service.attempt(), name="start")
        await asyncio.wait({starting, given_up}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            return False
        try:
            await starting
            return True
        except (BrokerUnfit, StoreUnfit):
            raise
        except (BrokerUnavailable, StoreUnavailable) as error:
            wait_s = spread(exponential(tries, FIRST_WAIT_S, LONGEST_WAIT_S), random.random())
            log.warning("not started yet; trying again", reason=str(error), again_in_s=round(wait_s, 2))
        await asyncio.wait({given_up}, timeout=wait_s)
    return False
