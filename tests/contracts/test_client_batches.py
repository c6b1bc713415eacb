"""Both clients submit many tasks: what was accepted is told, whatever becomes of the rest."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.settings import Settings
from swarmpilot import AsyncClient, Client
from swarmpilot.calls import BATCH
from swarmpilot.errors import NoInstances, RequestRefused
from swarmpilot.records import SubmittedTask
from tests.embedded import embedded, instance

LIMIT = 200_000


def test_a_request_that_is_refused_takes_no_answer_of_the_others_along() -> None:
    inputs: list[dict[str, Any]] = [*({"n": n} for n in range(BATCH)), {"text": "x" * LIMIT}, {"n": 1}]

    async def run() -> None:
        async with embedded(max_body_bytes=LIMIT) as service, instance(service, "m"), AsyncClient(service.url) as other:
            for answers in (
                await asyncio.to_thread(Client(service.url).submit_many, "m", inputs),
                await other.submit_many("m", inputs),
            ):
                assert [type(answer) for answer in answers] == [SubmittedTask] * BATCH + [RequestRefused] * 2

    asyncio.run(run())


def test_tasks_that_are_too_large_for_one_request_go_in_several() -> None:
    async def run() -> None:
        async with embedded() as service, instance(service, "m"), AsyncClient(service.url) as other:
            text = "x" * 100_000
            inputs = [{"text": text}] * 120
            assert len(text) * len(inputs) > Settings.model_fields["max_body_bytes"].default
            for answers in (
                await asyncio.to_thread(Client(service.url).submit_many, "m", inputs),
                await other.submit_many("m", inputs),
            ):
                assert [type(answer) for answer in answers] == [SubmittedTask] * len(inputs)

    asyncio.run(run())


def test_where_nothing_is_accepted_the_reason_is_raised() -> None:
    async def run() -> None:
        async with embedded() as service, AsyncClient(service.url) as other:
            with pytest.raises(NoInstances):
                await asyncio.to_thread(Client(service.url).submit_many, "nobody", [{}])
            with pytest.raises(NoInstances):
                await other.submit_many("nobody", [{}])

    asyncio.run(run())
