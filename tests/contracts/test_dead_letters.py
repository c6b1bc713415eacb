"""Dead letters: kept with their reasons, replayed once, gone when that has an effect, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from actors.addresses import SCHEDULER, Address, ReturnAddress, all_shards
from actors.agent import AgentPolicy, agent_behaviour
from actors.brokers.local import LocalBroker
from actors.couriers.http import HttpCourier
from actors.dead_letters import DeadLetter
from actors.dispatcher import DispatcherPolicy, dispatcher_behaviour
from actors.envelope import Envelope
from actors.messages import Message
from actors.messages.answers import Refused, StrategySet
from actors.messages.scheduler import SetStrategy
from actors.runtime import RuntimeSettings
from actors.scheduler import SchedulerPolicy, scheduler_behaviour
from actors.store import WholeStore
from actors.stores import open_store
from actors.supervisor import Supervisor
from gateway.dead_letters import DeadLetters
from tests.embedded import Embedded, embedded, until
from tests.rest_client import rest_client

ASKER = Address("gateway", "test")


class Defect(Exception):
    """The scheduler cannot cope with this message."""


@dataclass(slots=True)
class Process:
    """Actors that run, of which the scheduler fails at round robin while `is_broken`; `answers` are what it says."""

    store: WholeStore
    broker: LocalBroker
    dead: DeadLetters
    is_broken: bool = True
    answers: asyncio.Queue[Envelope] = field(default_factory=asyncio.Queue)

    async def tell(self, correlation: str, message: Message) -> Message:
        await self.broker.publish([Envelope(correlation, SCHEDULER, message, ReturnAddress(ASKER, correlation))])
        async with asyncio.timeout(10):
            return (await self.answers.get()).message

    async def chosen(self) -> list[str]:
        """The strategies that were chosen, by the journal."""
        entries = [entry async for entry in self.store.journal("scheduler", 0)]
        return [msgspec.json.decode(entry.body)["name"] for entry in entries if entry.kind == "StrategyChosen"]

    async def letters(self, tries: int) -> list[DeadLetter]:
        """The letters, once there is one that has been tried so often."""

        async def look() -> list[DeadLetter] | None:
            found = await self.store.dead_letters()
            return found if any(len(letter.failures) == tries for letter in found) else None

        return await until(look, f"a dead letter after {tries} tries")

    async def emptied(self) -> None:
        async def look() -> bool | None:
            return True if not await self.store.dead_letters() else None

        await until(look, "end of the dead letters")


@asynccontextmanager
async def process(folder: Path, broker: LocalBroker) -> AsyncIterator[Process]:
    store = open_store(f"sqlite:///{folder / 'tasks.db'}")

    def no_commands(body: bytes) -> Sequence[Message]:
        raise ValueError("type: must be one that is known")

    here = Process(store, broker, DeadLetters(store, broker.publish, no_commands))
    sound = scheduler_behaviour(SchedulerPolicy())

    def decide(state: Any, received: Any, now: float) -> Any:
        if here.is_broken and isinstance(received.message, SetStrategy) and received.message.name == "round_robin":
            raise Defect("no robin is round")
        return sound.decide(state, received, now)

    supervisor = Supervisor(
        store,
        broker,
        HttpCourier(store, push_timeout_s=1, probe_timeout_s=1, callback_timeout_s=1),
        {
            "scheduler": replace(sound, decide=decide),
            "agent": agent_behaviour(AgentPolicy()),
            "dispatcher": dispatcher_behaviour(DispatcherPolicy()),
        },
        all_shards(2),
        RuntimeSettings(shards=2),
        answer=here.answers.put_nowait,
        asked_here=(ASKER,),
    )
    await store.open()
    try:
        await supervisor.start()
        yield here
    finally:
        await supervisor.stop(1)
        await store.close()


@asynccontextmanager
async def local_broker() -> AsyncIterator[LocalBroker]:
    broker = LocalBroker(shards=2, keeps=True)
    await broker.open()
    try:
        yield broker
    finally:
        await broker.close()


def test_a_message_that_an_actor_failed_at_is_kept_and_replayed_once_the_defect_is_mended(tmp_path: Path) -> None:
    async def story() -> None:
        async with local_broker() as broker:
            async with process(tmp_path, broker) as before:
                assert isinstance(await before.tell("1", SetStrategy("round_robin")), Refused)
                [letter] = await before.letters(1)
                assert (letter.id, letter.kind, letter.to) == ("1", "message", "scheduler/one")
                assert (letter.name, letter.body) == ("SetStrategy", b"")
                assert "no robin is round" in letter.failures[0].reason
                assert await before.tell("2", SetStrategy("weighted")) == StrategySet("weighted", "", "priority")
            async with process(tmp_path, broker) as after:
                whole = await after.store.dead_letter("1")
                assert whole is not None
                await after.dead.replay(whole)
                [failed_again] = await after.letters(2)
                assert failed_again.id == "1"
                after.is_broken = False
                whole = await after.store.dead_letter("1")
                assert whole is not None
                await after.dead.replay(whole)
                await after.dead.replay(whole)
                await after.emptied()
                await after.dead.replay(whole)
                await after.tell("3", SetStrategy("weighted"))
                assert await after.chosen() == ["weighted", "round_robin", "weighted"]
                assert await after.store.dead_letters() == []

    asyncio.run(story())


def test_a_replay_that_comes_again_after_it_failed_does_not_end_the_letter(tmp_path: Path) -> None:
    async def story() -> None:
        async with local_broker() as broker:
            async with process(tmp_path, broker) as before:
                await before.tell("1", SetStrategy("round_robin"))
                await before.letters(1)
                first = await before.store.dead_letter("1")
                assert first is not None
                await before.dead.replay(first)
                await before.letters(2)
            async with process(tmp_path, broker) as after:
                after.is_broken = False
                await after.dead.replay(first)
                await after.tell("2", SetStrategy("weighted"))
                assert await after.chosen() == ["weighted"]
                assert len(await after.store.dead_letters()) == 1

    asyncio.run(story())


def test_over_rest() -> None:
    async def break_something(service: Embedded) -> None:
        await service.service.edge.asker.ask(SCHEDULER, SetStrategy(name=cast(Any, None)))

    async def scene() -> None:
        async with embedded() as service, rest_client(service.url) as rest:

            async def look() -> list[dict[str, Any]] | None:
                letters: list[dict[str, Any]] = (await rest.get("/dead")).body["letters"]
                return letters if len(letters) == 3 else None

            assert (await rest.get("/dead")).body == {"letters": []}
            for _ in range(3):
                await break_something(service)
            [newest, middle, oldest] = await until(look, "list of three")
            assert newest["failed_at"] >= middle["failed_at"] >= oldest["failed_at"]
            page = (await rest.get("/dead", after=newest["id"], limit="1")).body["letters"]
            assert [letter["id"] for letter in page] == [middle["id"]]
            shown = (await rest.get(f"/dead/{oldest['id']}")).body
            assert shown["failures"] == [{"at": oldest["failed_at"], "reason": oldest["reason"]}]
            assert shown["message"][-2] == "SetStrategy"
            replayed = (await rest.post(f"/dead/{oldest['id']}/replay", {})).body
            assert replayed["outcome"] == "failed", "what nobody can read cannot be replayed"
            assert len((await rest.get("/dead")).body["letters"]) == 3
            for reply in (await rest.get("/dead/nothing"), await rest.post("/dead/nothing/replay", {})):
                assert (reply.status, reply.detail) == (404, "Dead letter nothing not found")

    asyncio.run(scene())


@pytest.mark.parametrize("redelivered", [False, True])
def test_what_the_broker_buried_goes_into_the_store_once(tmp_path: Path, redelivered: bool) -> None:
    """Whether or not the process died between the two."""

    class Buried:
        def __init__(self, letter: DeadLetter) -> None:
            self.letter = letter
            self.settled = asyncio.Event()

        def settle(self) -> None:
            self.settled.set()

        def put_back(self) -> None:
            raise AssertionError("the store is there")

    async def story() -> None:
        async with local_broker() as broker, process(tmp_path, broker) as here:
            await here.tell("1", SetStrategy("round_robin"))
            [failed] = await here.letters(1)
            letter = replace(failed, id="buried", kind="command", body=b"{}")
            for _ in range(1 + redelivered):
                delivery = Buried(letter)
                here.dead.keep(delivery)
                await asyncio.wait_for(delivery.settled.wait(), 10)
            assert await here.store.dead_letter("buried") == letter
            await here.dead.close()

    asyncio.run(story())
