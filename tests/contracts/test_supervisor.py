"""The supervisor on a real store and the embedded broker: what it refuses, and what it does not take in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from actors.addresses import SCHEDULER, Address, ReturnAddress, all_shards
from actors.agent import AgentPolicy, agent_behaviour
from actors.behaviour import AnyBehaviour, Decision, Received
from actors.brokers.local import LocalBroker
from actors.couriers.http import HttpCourier
from actors.dispatcher import DispatcherPolicy, dispatcher_behaviour
from actors.envelope import Envelope
from actors.errors import StoreInUse, WrongShards
from actors.messages.answers import StrategySet
from actors.messages.runtime import TimePassed
from actors.messages.scheduler import SetStrategy
from actors.runtime import RuntimeSettings
from actors.scheduler import SchedulerPolicy, SchedulerState, scheduler_behaviour
from actors.stores import open_store
from actors.supervisor import Supervisor
from tests.contracts.town import SHARDS, House, Town

ASKER = Address("gateway", "test")


@asynccontextmanager
async def supervised(
    folder: Path,
    shards: int,
    answers: asyncio.Queue[Envelope],
    scheduler: AnyBehaviour = scheduler_behaviour(SchedulerPolicy()),  # noqa: B008  (frozen)
) -> AsyncIterator[LocalBroker]:
    """Actors that run on the store in `folder`; what they answer goes into `answers`."""
    store, broker = open_store(f"sqlite:///{folder / 'tasks.db'}"), LocalBroker(shards=shards)
    courier = HttpCourier(store, push_timeout_s=1, probe_timeout_s=1, callback_timeout_s=1)
    supervisor = Supervisor(
        store,
        broker,
        courier,
        {
            "scheduler": scheduler,
            "agent": agent_behaviour(AgentPolicy()),
            "dispatcher": dispatcher_behaviour(DispatcherPolicy()),
        },
        all_shards(shards),
        RuntimeSettings(shards=shards),
        answer=answers.put_nowait,
        asked_here=(ASKER,),
    )
    await store.open()
    await broker.open()
    try:
        await supervisor.start()
        yield broker
    finally:
        await supervisor.stop(1)
        await broker.close()
        await store.close()


def asked(correlation: str, strategy: str, store_id: str = "") -> Envelope:
    return Envelope(correlation, SCHEDULER, SetStrategy(strategy), ReturnAddress(ASKER, correlation), store_id)


@pytest.mark.parametrize("other", [2, 8])
def test_another_number_of_shards_is_refused(tmp_path: Path, other: int) -> None:
    async def start_twice() -> None:
        async with supervised(tmp_path, 4, asyncio.Queue()):
            pass
        with pytest.raises(WrongShards, match=f"made with 4 shards per kind and cannot be used with {other}"):
            async with supervised(tmp_path, other, asyncio.Queue()):
                pass
        async with supervised(tmp_path, 4, asyncio.Queue()):
            pass

    asyncio.run(start_twice())


def test_what_actors_of_another_store_left_in_the_queue_has_no_effect(tmp_path: Path) -> None:
    async def publish() -> list[Envelope]:
        answers: asyncio.Queue[Envelope] = asyncio.Queue()
        async with supervised(tmp_path, 2, answers) as broker:
            await broker.publish([asked("1", "weighted", store_id="another"), asked("2", "round_robin")])
            first = await asyncio.wait_for(answers.get(), 10)
            await broker.publish([asked("3", "shortest_queue")])
            return [first, await asyncio.wait_for(answers.get(), 10)]

    heard = asyncio.run(publish())
    assert [(envelope.id, envelope.message) for envelope in heard] == [
        ("2", StrategySet("round_robin", "", "priority")),
        ("3", StrategySet("shortest_queue", "", "priority")),
    ]


def test_a_message_that_breaks_an_actor_costs_only_itself(tmp_path: Path) -> None:
    async def publish() -> list[Envelope]:
        answers: asyncio.Queue[Envelope] = asyncio.Queue()
        async with supervised(tmp_path, 2, answers) as broker:
            broken = asked("1", cast(Any, None))
            await broker.publish([asked("0", "weighted"), broken, asked("2", "round_robin")])
            heard = [await asyncio.wait_for(answers.get(), 10) for _ in range(3)]
            return sorted(heard, key=lambda envelope: envelope.id)

    first, second, third = asyncio.run(publish())
    assert first.message == StrategySet("weighted", "", "priority")
    assert "its log says why" in str(second.message)
    assert third.message == StrategySet("round_robin", "", "priority")


def test_an_actor_that_fails_at_its_deadline_still_takes_messages(tmp_path: Path) -> None:
    whole = scheduler_behaviour(SchedulerPolicy())

    def decide(state: SchedulerState, received: Received[Any], now: float) -> Decision[Any]:
        assert not isinstance(received.message, TimePassed), "a defect"
        return whole.decide(state, received, now)

    fails = replace(whole, decide=decide, next_due=lambda _: 0.0)

    async def publish() -> list[str]:
        answers: asyncio.Queue[Envelope] = asyncio.Queue()
        async with supervised(tmp_path, 2, answers, fails) as broker:
            heard = []
            for correlation in ("1", "2"):
                await broker.publish([asked(correlation, "weighted")])
                heard.append((await asyncio.wait_for(answers.get(), 10)).id)
            return heard

    assert asyncio.run(publish()) == ["1", "2"]


def test_a_process_that_nobody_can_speak_to_shares_its_store_with_nobody() -> None:
    async def share() -> None:
        async with Town() as town:
            first = await town.start()
            with pytest.raises(StoreInUse, match="give each of them --amqp"):
                await House(town, ["agent"], is_alone=True).start()
            await first.look()
            assert first.hosted == set(all_shards(SHARDS))

    asyncio.run(share())
