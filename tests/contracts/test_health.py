"""Health says which part is ill, since when and why; its HTTP status follows, and so do the metrics."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import aiohttp

from actors.stores.sqlite import SqliteStore
from actors.vitals import Vitals
from gateway.app import build_app
from gateway.edge import ServiceStatus
from gateway.health_port import HealthPort
from tests.embedded import embedded
from tests.free_ports import free_port
from tests.rest_client import rest_client
from tests.serving import serving


def test_a_store_that_does_not_answer_is_named_until_it_does(tmp_path: Path) -> None:
    async def run() -> None:
        store = SqliteStore(tmp_path / "tasks.db")  # closed, as one whose disk is gone
        async with embedded() as service:
            edge = service.service.edge
            app = build_app(replace(edge, reader=store))
            async with serving(app) as url, rest_client(url) as rest:
                before = time.time()
                ill = await rest.get("/health")
                again = await rest.get("/health")
                assert (ill.status, ill.body["status"]) == (503, "ill")
                [part] = ill.body["ill"]
                assert (part["part"], part["reason"]) == ("store", "the store is not open")
                assert before <= part["since"] <= time.time()
                assert again.body["ill"] == [part], "it is the same illness, since its beginning"
                assert ill.headers["retry-after"].isdigit()
                await store.open()
                well = await rest.get("/health")
                assert (well.status, well.body["status"], well.body["ill"]) == (200, "healthy", [])
                await store.close()

    asyncio.run(run())


def test_what_a_part_says_of_itself_is_shown_in_health_and_metrics() -> None:
    async def run() -> None:
        async with embedded() as service:
            edge = service.service.edge
            async with serving(build_app(edge)) as url, rest_client(url) as rest:
                edge.vitals.ill("agents", "connected, but nothing arrives", "swarm.agent-3")
                edge.vitals.counts["receiving renewed"] += 2
                ill = await rest.get("/health")
                assert ill.status == 503
                assert [(p["part"], p["detail"]) for p in ill.body["ill"]] == [("agents", "swarm.agent-3")]
                metrics = str((await rest.get("/metrics")).body)
                assert 'swarmpilot_part_ill{part="agents"} 1.0' in metrics
                assert 'swarmpilot_part_ill{part="broker"} 0.0' in metrics
                assert 'swarmpilot_rare_events_total{event="receiving renewed"} 2.0' in metrics
                edge.vitals.well("agents", "swarm.agent-3")
                edge.vitals.counts["receiving renewed"] += 1
                assert (await rest.get("/health")).status == 200
                metrics = str((await rest.get("/metrics")).body)
                assert 'swarmpilot_part_ill{part="agents"} 0.0' in metrics
                assert 'swarmpilot_rare_events_total{event="receiving renewed"} 3.0' in metrics

    asyncio.run(run())


def test_a_host_of_actors_says_it_on_its_health_port() -> None:
    async def run() -> None:
        vitals = Vitals()
        vitals.ill("store", "no answer in time")
        vitals.counts["message redelivered"] += 4
        statuses = [ServiceStatus("serving", "up", 3, 2, ill, vitals.counts) for ill in (vitals.illnesses, [])]
        port = HealthPort(frozenset({"agents"}), lambda: statuses[0])
        listening = free_port()
        await port.listen("127.0.0.1", listening)
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{listening}") as session:
                async with session.get("/health") as ill:
                    said = await ill.json()
                assert (ill.status, said["status"]) == (503, "ill")
                assert [(p["part"], p["reason"]) for p in said["ill"]] == [("store", "no answer in time")]
                async with session.get("/metrics") as answer:
                    metrics = (await answer.text()).splitlines()
                assert 'swarmpilot_part_ill{part="store"} 1.0' in metrics
                assert 'swarmpilot_part_ill{part="broker"} 0.0' in metrics
                assert 'swarmpilot_rare_events_total{event="message redelivered"} 4.0' in metrics
                assert "swarmpilot_fenced_writes 2.0" in metrics
                statuses.pop(0)
                async with session.get("/health") as well:
                    said = await well.json()
                assert (well.status, said["status"], said["ill"]) == (200, "healthy", [])
        finally:
            await port.close()

    asyncio.run(run())
