"""The store on PostgreSQL where sessions and servers are lost, and where several processes use one database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from actors.activity_reader import ActivityFilter
from actors.errors import Fenced, StoreUnavailable
from actors.store import Lease, Snapshot, Transaction, WholeStore
from actors.stores import open_store
from actors.stores.postgres import watch
from tests import leasing
from tests.contracts.postgres_rigs import DEADLINE_S, WAITING, committing, locked, opened, session, through, until
from tests.contracts.store_rigs import append, entry, row
from tests.contracts.test_store_activity import new
from tests.postgres_server import PostgresServer
from tests.tcp_gate import TcpGate


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[str]:
    made = postgres_server.store()
    yield made
    postgres_server.free(made)


@pytest.fixture
def gate(url: str) -> Iterator[TcpGate]:
    parts = urlsplit(url)
    gate = TcpGate(parts.hostname or "", parts.port or 0)
    gate.open()
    yield gate
    gate.shut()


async def own(store: WholeStore, owner: str = "me") -> Lease:
    return (await leasing.own(store, ["scheduler"], owner))["scheduler"]


async def seqs(store: WholeStore) -> list[int]:
    return [each.seq async for each in store.journal("scheduler", 0)]


class TestACommitWhoseSessionIsLost:
    def test_it_is_not_there_where_the_session_was_ended(self, url: str) -> None:
        async def scenario() -> None:
            async with opened(url) as store:
                work = Transaction(appends=[append(await own(store), entry(1))], inbox=["m1"])
                async with locked(url, "shard") as beside:
                    commit = asyncio.create_task(store.commit(work))
                    await beside.execute("SELECT pg_terminate_backend($1)", await committing(beside))
                    with pytest.raises(StoreUnavailable):
                        await commit
                assert await seqs(store) == []
                await store.commit(work)
                assert await seqs(store) == [1]

        asyncio.run(scenario())

    def test_it_is_there_where_only_the_answer_was_lost(self, url: str, gate: TcpGate) -> None:
        async def scenario() -> None:
            async with opened(through(url, gate.port)) as store, session(url) as beside:
                lease = await own(store)
                async with locked(url, "shard"):
                    commit = asyncio.create_task(store.commit(Transaction(appends=[append(lease, entry(1))])))
                    await committing(beside)
                    gate.shut()
                    with pytest.raises(StoreUnavailable):
                        await commit
                    with pytest.raises(StoreUnavailable):
                        await seqs(store)
                await until(lambda: beside.fetchval("SELECT count(*) FROM journal"))
                gate.open()
                assert await seqs(store) == [1]
                with pytest.raises(Fenced):
                    await store.commit(Transaction(appends=[append(lease, entry(1))]))
                await store.commit(Transaction(appends=[append(lease, entry(2))]))
                assert await seqs(store) == [1, 2]

        asyncio.run(scenario())

    def test_what_is_read_afterwards_is_what_stays(self, url: str, gate: TcpGate) -> None:
        """The session that carries it waits for a lock, long after we have lost it: it must not come back."""

        async def scenario() -> None:
            async with opened(through(url, gate.port)) as store:
                lease = await own(store)
                async with locked(url, "inbox") as beside:
                    work = Transaction(appends=[append(lease, entry(1, "t1"))], inbox=["m1"])
                    commit = asyncio.create_task(store.commit(work))
                    await committing(beside)
                    gate.shut()
                    with pytest.raises(StoreUnavailable):
                        await commit
                    gate.open()
                    assert await seqs(store) == []
                other = Transaction(appends=[append(lease, entry(1, "t2"))])
                await store.commit(other)
                assert [each.task_id async for each in store.journal("scheduler", 0)] == ["t2"]
                assert await store.received(["m1"]) == set()

        asyncio.run(scenario())

    def test_those_that_waited_behind_it_fail_with_it(self, url: str) -> None:
        async def scenario() -> None:
            async with opened(url) as store:
                lease = await own(store)
                works = [Transaction(appends=[append(lease, entry(n))]) for n in (1, 2, 3)]
                async with locked(url, "shard") as beside:
                    commits = [asyncio.create_task(store.commit(work)) for work in works]
                    await beside.execute("SELECT pg_terminate_backend($1)", await committing(beside))
                    await asyncio.wait(commits[:1])
                outcomes = await asyncio.gather(*commits, return_exceptions=True)
                assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
                for work in works:
                    await store.commit(work)
                assert await seqs(store) == [1, 2, 3]

        asyncio.run(scenario())


def calls(store: WholeStore, lease: Lease) -> dict[str, Callable[[], Awaitable[Any]]]:
    """One call of everything that asks the database."""
    anything = ActivityFilter()
    return {
        "acquire": lambda: store.acquire(["agent-0"], "me"),
        "commit": lambda: store.commit(Transaction(changed_rows={"t1": {"attempt": 1}})),
        "snapshot": lambda: store.snapshot("scheduler"),
        "save_snapshot": lambda: store.save_snapshot(lease, Snapshot(1, {"a": b"1"})),
        "journal": lambda: seqs(store),
        "outbox": lambda: store.outbox(["scheduler"]),
        "received": lambda: store.received(["m"]),
        "shards": store.shards,
        "forget_received": lambda: store.forget_received(0),
        "task": lambda: store.task("t"),
        "tasks_by_remote_id": lambda: store.tasks_by_remote_id("t"),
        "tasks": store.tasks,
        "payload": lambda: store.payload("t", "input"),
        "inputs": lambda: store.inputs(["t"]),
        "known": lambda: store.known(["t"]),
        "story": lambda: store.story("t"),
        "count_by_state": store.count_by_state,
        "live_activity": lambda: store.live_activity(anything),
        "ended_activity": lambda: store.ended_activity(anything),
        "activity_changes": lambda: store.activity_changes(0, 10),
    }


async def refused(call: Callable[[], Awaitable[Any]]) -> bool:
    try:
        await call()
    except StoreUnavailable:
        return True
    return False


def test_without_a_database_every_call_says_so_and_with_it_again_every_call_works(
    url: str, postgres_server: PostgresServer
) -> None:
    async def scenario() -> None:
        async with opened(url) as store:
            all_calls = calls(store, await own(store))
            await asyncio.gather(*(call() for call in all_calls.values()))  # on as many connections as there may be
            lease = await own(store)
            await store.commit(Transaction(**new("t1"), appends=[append(lease, entry(1))]))
            await asyncio.to_thread(postgres_server.server.kill)
            try:
                assert {name for name, call in all_calls.items() if not await refused(call)} == set()
            finally:
                await asyncio.to_thread(postgres_server.server.start)
            lease = await own(store)
            for name, call in calls(store, lease).items():
                assert not await refused(call), name
            assert await seqs(store) == [1], "what was confirmed is there"
            following = asyncio.create_task(store.activity_beyond(1))
            async with opened(url) as other:
                await other.commit(Transaction(**new("t2")))
            async with asyncio.timeout(DEADLINE_S):
                await following

    asyncio.run(scenario())


class TestTwoProcesses:
    def test_both_read_and_write_one_database_and_the_later_owner_fences_the_earlier(self, url: str) -> None:
        async def scenario() -> None:
            async with opened(url) as one, opened(url) as two:
                old = await own(one, "one")
                await one.commit(Transaction(appends=[append(old, entry(1))], new_rows={"t1": row()}))
                assert await two.task("t1") is not None
                lease = await own(two, "two")
                assert (lease.epoch, lease.seq, lease.store_id) == (old.epoch + 1, 1, old.store_id)
                with pytest.raises(Fenced):
                    await one.commit(Transaction(appends=[append(old, entry(2))]))
                with pytest.raises(Fenced):
                    await one.save_snapshot(old, Snapshot(1, {}))
                await two.commit(Transaction(appends=[append(lease, entry(2))]))
                assert await seqs(one) == [1, 2]

        asyncio.run(scenario())

    def test_a_change_of_hands_waits_for_the_commit_under_way_and_finds_its_seq(self, url: str) -> None:
        async def scenario() -> None:
            async with opened(url) as one, opened(url) as two:
                old = await own(one, "one")
                async with locked(url, "inbox") as beside:
                    work = Transaction(appends=[append(old, entry(1))], inbox=["m"])
                    commit = asyncio.create_task(one.commit(work))
                    await committing(beside)
                    taking = asyncio.create_task(own(two, "two"))
                    waiting = (
                        "SELECT TRUE FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%shard%'"
                    )
                    await until(lambda: beside.fetchval(waiting + " AND query NOT LIKE '%commit_turn%'"))
                assert (await taking).seq == 1
                await commit

        asyncio.run(scenario())

    def test_changes_of_activity_are_committed_in_the_order_of_their_numbers(self, url: str) -> None:
        async def scenario() -> None:
            async with opened(url) as one, opened(url) as two:
                async with locked(url, "activity") as beside:
                    first = asyncio.create_task(one.commit(Transaction(**new("t1"))))
                    await committing(beside)
                    second = asyncio.create_task(two.commit(Transaction(**new("t2"))))
                    await until(lambda: beside.fetchval(f"SELECT count(*) = 2 FROM ({WAITING}) AS waiting"))
                    assert await two.activity_changes(0, 10) == []
                await asyncio.gather(first, second)
                rows = await two.activity_changes(0, 10)
                assert [(each.change, each.task_id) for each in rows] == [(1, "t1"), (2, "t2")]

        asyncio.run(scenario())

    def test_followers_hear_of_what_others_commit(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(watch, "POLL_S", 3600.0)  # by notification alone

        async def scenario() -> None:
            async with opened(url) as one, opened(url) as two, asyncio.timeout(DEADLINE_S):
                await two.commit(Transaction(**new("t1")))
                await one.activity_beyond(0)
                assert one.newest_activity_change() == 1

        asyncio.run(scenario())

    def test_followers_see_what_they_were_not_told(self, url: str) -> None:
        async def scenario() -> None:
            async with opened(url) as store, session(url) as beside, asyncio.timeout(DEADLINE_S):
                await beside.execute("UPDATE activity_count SET newest = 7")
                await store.activity_beyond(6)
                assert store.newest_activity_change() == 7

        asyncio.run(scenario())

    def test_a_snapshot_of_a_former_owner_does_not_mix_with_that_of_the_present_one(self, url: str) -> None:
        async def scenario() -> None:
            async with opened(url) as one, opened(url) as two:
                old = await own(one, "one")
                states = {f"a{n}": b"x" * (1 << 20) for n in range(6)}
                async with session(url) as beside:
                    saving = asyncio.create_task(one.save_snapshot(old, Snapshot(5, states)))
                    await until(lambda: beside.fetchval("SELECT count(*) FROM snapshot_piece"))
                    lease = await own(two, "two")
                    await two.save_snapshot(lease, Snapshot(5, {"a": b"1"}))
                    with pytest.raises(Fenced):
                        await saving
                    assert await two.snapshot("scheduler") == Snapshot(5, {"a": b"1"})

        asyncio.run(scenario())


def test_a_commit_goes_on_although_its_caller_is_cancelled(url: str) -> None:
    async def scenario() -> None:
        async with opened(url) as store:
            lease = await own(store)
            async with locked(url, "shard") as beside:
                commit = asyncio.create_task(store.commit(Transaction(appends=[append(lease, entry(1))])))
                pid = await committing(beside)
                commit.cancel()
                await asyncio.gather(commit, return_exceptions=True)
                looks = [await beside.fetchval(WAITING) for _ in range(100)]
                assert looks == [pid] * 100, "it goes on although nobody waits for it"
            await store.commit(Transaction(appends=[append(lease, entry(2))]))
            assert await seqs(store) == [1, 2]

    asyncio.run(scenario())


def test_a_database_that_does_not_answer_is_unavailable(url: str) -> None:
    async def scenario() -> None:
        async with opened(url, timeout_s=0.5) as store:
            lease = await own(store)
            async with locked(url, "shard"):
                with pytest.raises(StoreUnavailable, match="in time"):
                    await store.commit(Transaction(appends=[append(lease, entry(1))]))
                assert await seqs(store) == []
            await store.commit(Transaction(appends=[append(lease, entry(1))]))
            assert await seqs(store) == [1]

    asyncio.run(scenario())


def test_where_nobody_listens_it_says_where_without_the_password() -> None:
    store = open_store("postgresql://user:secret@127.0.0.1:1/tasks", timeout_s=2)
    with pytest.raises(StoreUnavailable, match=r"^postgresql://user:…@127.0.0.1:1/tasks: "):
        asyncio.run(store.open())


def test_a_server_that_is_away_is_told_of_in_our_words_alone(
    url: str, gate: TcpGate, caplog: pytest.LogCaptureFixture
) -> None:
    """The driver's pool would say so as well, with a traceback, each time that it could not connect by itself."""

    async def scenario() -> None:
        async with opened(through(url, gate.port)) as store:
            assert await store.task("t") is None
            gate.shut()
            for _ in range(3):
                with pytest.raises(StoreUnavailable):
                    await store.task("t")

    asyncio.run(scenario())
    assert [record.message for record in caplog.records if record.name.startswith("asyncpg")] == []
