"""Shards come and go between processes that share a store, and no task is lost or ends twice for it."""

from __future__ import annotations

import asyncio

import pytest

from actors.addresses import SCHEDULER, agent, all_shards, dispatcher
from actors.brokers.local import LocalBroker
from actors.errors import Fenced
from actors.leases import Member
from actors.messages.agent import PreemptTask
from actors.messages.answers import StrategySet
from actors.messages.dispatcher import PushTask
from actors.messages.scheduler import RegisterInstance, RequestPreemption, SetStrategy
from actors.store import ShardAppend, Transaction
from tests.contracts.town import DEADLINE_S, SHARDS, TTL_S, House, Town
from tests.leasing import take_from
from tests.properties import record
from tests.properties.one_process import BEHAVIOURS
from tests.unit.scheduling import submit

EVERYTHING = set(all_shards(SHARDS))


async def submit_some(town: Town, tasks: range) -> None:
    """Tasks of many agents, to two instances."""
    if 0 in tasks:
        for n in range(2):
            await town.ask(SCHEDULER, RegisterInstance(f"i{n}", "host", 8000 + n, "m", 8))
    for n in tasks:
        await town.ask(SCHEDULER, submit(f"task-{n}", agent=f"agent-{n % 7}"))


async def check(town: Town, tasks: int) -> None:
    """Everything has ended once, and the record keeps every promise."""
    await town.answered()
    await town.all_ended()
    for house in list(town.houses):
        await town.end(house)
    rows = await record.check(town.store, BEHAVIOURS, SHARDS, town.requests)
    assert len(rows) == tasks


def test_a_second_process_gets_its_share_and_leaves_it_behind() -> None:
    async def come_and_go() -> None:
        async with Town() as town:
            first = await town.start()
            assert first.hosted == EVERYTHING
            second = await town.start()
            assert second.hosted == set(), "nothing was free"
            await first.look()
            await second.look()
            assert first.hosted | second.hosted == EVERYTHING
            assert not first.hosted & second.hosted
            assert len(first.hosted) == len(second.hosted) + 1 == SHARDS + 1, "the scheduler stays where it is"
            await town.end(second)
            await first.look()
            assert first.hosted == EVERYTHING

    asyncio.run(come_and_go())


def test_each_role_in_processes_of_its_own() -> None:
    async def work() -> None:
        async with Town() as town:
            for kind in ("scheduler", "agent", "dispatcher"):
                await town.start(kind)
                await town.start(kind)
            for house in town.houses * 2:
                await house.look()
            assert sorted(len(house.hosted) for house in town.houses) == [0, 1, 2, 2, 2, 2]
            await submit_some(town, range(20))
            await check(town, 20)

    asyncio.run(work())


def test_tasks_go_on_while_shards_move() -> None:
    async def move() -> None:
        async with Town() as town:
            first = await town.start()
            await submit_some(town, range(10))
            second = await town.start()
            await first.look()
            await submit_some(town, range(10, 20))
            await second.look()
            await town.report_what_runs()
            third = await town.start("agent", "dispatcher")
            for house in (first, second, third):
                await house.look()
                await submit_some(town, range(20 + 5 * town.houses.index(house), 25 + 5 * town.houses.index(house)))
            await town.report_what_runs()
            await town.end(first)
            await third.look()
            await second.look()
            assert second.hosted | third.hosted == EVERYTHING
            await check(town, 35)

    asyncio.run(move())


def test_a_frozen_process_is_waited_for_and_then_replaced_and_what_it_writes_is_refused() -> None:
    async def freeze() -> None:
        async with Town() as town:
            frozen, other = await town.start(), await town.start()
            await submit_some(town, range(10))
            await town.answered()
            town.pass_time(TTL_S - 0.1, frozen)
            await other.look()
            assert other.hosted == set(), "it may still be there"
            town.pass_time(0.2, frozen)
            await other.look()
            assert other.hosted == EVERYTHING
            frozen.supervisor.runtime.arrivals.add_local([town.question(SCHEDULER, SetStrategy("round_robin"))])
            await town.until(lambda: "scheduler" not in frozen.hosted)
            assert frozen.supervisor.runtime.fenced_writes > 0
            await town.answered()
            await frozen.look()
            await check(town, 10)

    asyncio.run(freeze())


def test_a_process_whose_lease_has_run_out_decides_nothing_until_it_has_renewed_it() -> None:
    async def doze() -> None:
        async with Town() as town:
            dozing = await town.start()
            town.pass_time(TTL_S)
            asked = await town.ask(SCHEDULER, SetStrategy("round_robin"))
            await asyncio.sleep(0.05)
            assert asked.answer is None
            await dozing.look()
            await town.answered()
            assert asked.answer == StrategySet("round_robin", "", "priority")
            assert dozing.hosted == EVERYTHING, "nobody had taken them"

    asyncio.run(doze())


def test_a_process_that_cannot_say_that_it_lives_is_ill_though_it_has_nothing_to_do() -> None:
    async def be_cut_off() -> None:
        async with Town() as town:
            house = await House(town, ["agent"], look_s=0.01).start()
            town.store.away = "no answer in time"
            await town.until(lambda: bool(house.vitals.illnesses))
            [illness] = house.vitals.illnesses
            assert (illness.part, illness.reason) == ("store", "no answer in time")
            town.store.away = ""
            await town.until(lambda: not house.vitals.illnesses)
            await house.stop()

    asyncio.run(be_cut_off())


def test_a_process_whose_shards_were_taken_while_the_store_was_away_is_well_once_it_is_back() -> None:
    """It stands by, and may never have anything to write again."""

    async def be_replaced() -> None:
        async with Town() as town:
            house = await House(town, ["scheduler"], look_s=0.01).start()
            await town.store.join(Member("other", frozenset({"scheduler"})), all_shards(SHARDS), ttl=TTL_S)
            town.store.away = "no answer in time"
            asked = await town.ask(SCHEDULER, SetStrategy("round_robin"))
            await town.until(lambda: any(illness.detail == "" for illness in house.vitals.illnesses))
            await take_from(town.store, house.supervisor.tenure.member.id, ["scheduler"], "other")
            town.store.away = ""
            await town.until(lambda: not house.hosted)
            await town.until(lambda: not house.vitals.illnesses)
            assert asked.answer is None
            await house.stop()

    asyncio.run(be_replaced())


def test_a_commit_that_was_made_and_reported_as_failed_leaves_nobody_ill() -> None:
    async def be_in_doubt() -> None:
        async with Town() as town:
            house = await House(town, ["scheduler"]).start()
            town.store.forgets_commits = True
            await town.answered(await town.ask(SCHEDULER, SetStrategy("round_robin")))
            assert house.vitals.counts["store ill"] == 1
            await town.until(lambda: not house.vitals.illnesses)
            await house.stop()

    asyncio.run(be_in_doubt())


def test_what_was_taken_in_the_meantime_is_dropped_before_anything_is_decided() -> None:
    async def doze() -> None:
        async with Town() as town:
            dozing, other = await town.start(), await town.start()
            await submit_some(town, range(5))
            await town.answered()
            town.pass_time(TTL_S)
            await other.look()
            await submit_some(town, range(5, 10))
            await dozing.look()
            assert dozing.hosted == set()
            assert dozing.supervisor.runtime.fenced_writes == 0
            await check(town, 10)

    asyncio.run(doze())


def test_a_dead_process_is_replaced_at_once() -> None:
    async def die() -> None:
        async with Town() as town:
            dead, other = await town.start(), await town.start()
            await submit_some(town, range(5))
            await town.answered()
            await town.store.leave(dead.supervisor.tenure.member.id)  # as a store that sees its connection end
            await other.look()
            assert other.hosted == EVERYTHING
            with pytest.raises(Fenced):
                await town.store.commit(Transaction(appends=[ShardAppend("scheduler", 1, [])]))
            await check(town, 5)

    asyncio.run(die())


def test_what_a_process_is_recorded_to_have_and_does_not_run_is_let_go_of() -> None:
    """As after a store that was away when it gave the shard up."""

    async def give_up() -> None:
        async with Town() as town:
            first, second = await town.start("agent"), await town.start("agent")
            await first.look()
            await second.look()
            [lost, *_] = sorted(first.hosted)
            holder = first.supervisor.tenure.member
            await take_from(town.store, holder.id, [lost], second.supervisor.tenure.member.id)
            await town.store.renew(holder, TTL_S)
            await second.look()
            await first.look()
            await first.look()
            assert lost in first.hosted
            assert len(first.hosted) == len(second.hosted) == SHARDS // 2

    asyncio.run(give_up())


def test_a_process_ends_though_the_store_forgets_that_it_was_to_give_up() -> None:
    async def end_in_mid_look() -> None:
        async with Town() as town:
            house = await House(town, ("scheduler",), look_s=0.01).start()
            town.store.forgets = in_mid_look = asyncio.Event()
            await in_mid_look.wait()
            async with asyncio.timeout(DEADLINE_S):
                await house.stop()

    asyncio.run(end_in_mid_look())


def test_a_process_is_heard_of_while_it_rebuilds_its_actors() -> None:
    async def rebuild() -> None:
        async with Town() as town, asyncio.timeout(DEADLINE_S):
            town.store.dawdles = True
            house = await House(town, ["scheduler"], look_s=0.005).start()
            town.houses.append(house)
            assert house.hosted == {"scheduler"}

    asyncio.run(rebuild())


def test_what_is_decided_while_a_process_ends_is_decided_once() -> None:
    """A command without an identity would be carried out again where its queue got it back before it was settled."""

    async def end_in_mid_turn() -> None:
        async with Town(broker=LocalBroker(shards=SHARDS)) as town:
            house = await House(town, ["scheduler"]).start()
            town.store.holds = asyncio.Event()
            await town.ask(SCHEDULER, SetStrategy("round_robin"))
            await town.store.committing.wait()
            stopping = asyncio.create_task(house.stop())
            for _ in range(100):  # more than it takes to end without waiting for the turn
                await asyncio.sleep(0)
            town.store.holds.set()
            await stopping
            await town.start("scheduler")
            await town.answered(await town.ask(SCHEDULER, SetStrategy("weighted")))
            entries = [entry async for entry in town.store.journal("scheduler", 0)]
            assert [entry.kind for entry in entries] == ["StrategyChosen"] * 2

    asyncio.run(end_in_mid_turn())


def test_a_process_ends_though_the_store_does_not_come_back_once_its_lease_has_run_out() -> None:
    async def end_without_a_store() -> None:
        async with Town() as town:
            house = await House(town, ["scheduler"], look_s=0.01).start()
            town.store.holds = asyncio.Event()
            await town.ask(SCHEDULER, SetStrategy("round_robin"))
            await town.store.committing.wait()
            stopping = asyncio.create_task(house.stop())
            for _ in range(100):  # it waits for the turn: the lease is good
                await asyncio.sleep(0)
            assert not stopping.done()
            town.pass_time(TTL_S)
            async with asyncio.timeout(DEADLINE_S):
                await stopping
            town.store.holds.set()

    asyncio.run(end_without_a_store())


def test_what_is_handed_over_does_not_overtake_what_was_sent_before_the_shards_came_together() -> None:
    """Else its dispatcher hears that the task is to give way before it hears of the task, which is then forced to."""

    async def come_together() -> None:
        async with Town() as town:
            scheduler, agents, dispatchers = [await town.start(k) for k in ("scheduler", "agent", "dispatcher")]
            capable = RegisterInstance("i", "host", 8000, "m", 8, capabilities=("preempt",))
            await town.answered(await town.ask(SCHEDULER, capable))
            await town.until(lambda: not dispatchers.supervisor.runtime.arrivals)
            await town.die(dispatchers)
            await town.answered(await town.ask(SCHEDULER, submit("t", agent="a")))
            await town.until(lambda: town.waits_for(dispatcher("i"), PushTask))
            await town.die(agents)
            await town.answered(await town.ask(SCHEDULER, RequestPreemption("a", "t", "something urgent")))
            await town.until(lambda: town.waits_for(agent("a"), PreemptTask))
            await town.start("agent", "dispatcher")
            assert "YieldAsked" in await town.kinds_until(dispatcher("i"), "PushAccepted")
            await town.die(scheduler)
            await town.start()
            await check(town, 1)

    asyncio.run(come_together())
