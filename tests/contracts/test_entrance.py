"""A gateway that is not serving yet says so to everybody who comes in, and lets them in once it does."""

from __future__ import annotations

import asyncio

import aiohttp

from actors.settings import Settings
from actors.vitals import Illness
from gateway.app import build_app
from gateway.edge import ServiceStatus
from gateway.entrance import Entrance
from tests.embedded import embedded
from tests.serving import serving

WAITS = ServiceStatus("starting", "down", None, 0, [Illness("store", "start", 1.0, "nobody listens there")])


def test_everybody_is_told_to_come_back_until_it_is_open() -> None:
    async def run() -> None:
        entrance = Entrance(lambda: WAITS, Settings())
        async with serving(entrance) as url, aiohttp.ClientSession(url) as session:
            async with session.get("/health") as health:
                said = await health.json()
                assert (health.status, said["status"], said["broker"]) == (503, "starting", "down")
                assert [(ill["part"], ill["reason"]) for ill in said["ill"]] == [("store", "nobody listens there")]
                assert health.headers["retry-after"] == "1"
            async with session.post("/queue/submit", json={"model_name": "m"}) as submit:
                assert (submit.status, submit.headers["retry-after"]) == (503, "1")
                assert await submit.json() == {"detail": "The service is starting; try again"}
            async with session.ws_connect("/workers/attach") as worker:
                await worker.receive()
                assert worker.close_code == 1013
            async with embedded() as service:
                entrance.open(build_app(service.service.edge))
                async with session.get("/health") as health:
                    assert (await health.json())["status"] == "healthy"

    asyncio.run(run())
