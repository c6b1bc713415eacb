"""The database that a store on PostgreSQL finds: empty, another program's, a newer version's, or set to lose things."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import urlsplit

import asyncpg
import pytest

from actors.behaviour import Keep
from actors.errors import StoreUnavailable, StoreUnfit
from actors.store import Payload, Transaction
from actors.stores import open_store
from actors.stores.postgres.commit import LARGE_BYTES
from actors.stores.postgres.connections import Database
from actors.stores.postgres.schema import KNOWN_VERSION, VERSION_TABLE
from actors.stores.postgres.sessions import SCHEMA
from tests.contracts.postgres_rigs import opened, session, until
from tests.contracts.store_rigs import append, entry, row
from tests.contracts.test_store_activity import new
from tests.leasing import own
from tests.postgres_private import GUARDED
from tests.postgres_server import PostgresServer


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[str]:
    made = postgres_server.store()
    yield made
    postgres_server.free(made)


def test_processes_that_start_together_make_the_schema_once(postgres_server: PostgresServer) -> None:
    url = postgres_server.empty_database()
    postgres_server.run("CREATE TABLE public.task (anything text)", url=url)  # another program's: not in the way

    async def scenario() -> None:
        stores = [open_store(url) for _ in range(4)]
        await asyncio.gather(*(store.open() for store in stores))
        leases = [(await own(store, ["scheduler"], "me"))["scheduler"] for store in stores]
        assert [lease.epoch for lease in leases] == [1, 2, 3, 4]
        assert len({lease.store_id for lease in leases}) == 1
        for store in stores:
            await store.close()

    asyncio.run(scenario())
    postgres_server.free(url)


@pytest.mark.parametrize("options", ["sslmode=prefer", "application_name=mine", "timezone=Europe%2FBerlin"])
def test_an_empty_database_may_be_named_with_options_of_the_connection(
    postgres_server: PostgresServer, options: str
) -> None:
    url = postgres_server.empty_database()

    async def scenario() -> None:
        async with opened(f"{url}?{options}") as store:
            assert (await own(store, ["scheduler"], "me"))["scheduler"].epoch == 1

    asyncio.run(scenario())
    postgres_server.free(url)


def test_a_schema_of_a_newer_version_is_refused(url: str, postgres_server: PostgresServer) -> None:
    versions = f"{SCHEMA}.{VERSION_TABLE}"
    postgres_server.run(f"UPDATE {versions} SET version_num = '{KNOWN_VERSION + 1:04}'", url=url)
    with pytest.raises(StoreUnfit, match=f"schema version {KNOWN_VERSION + 1} and this program knows"):
        asyncio.run(open_store(url).open())
    postgres_server.run(f"UPDATE {versions} SET version_num = '{KNOWN_VERSION:04}'", url=url)


@pytest.mark.parametrize(
    ("account", "database", "said"),
    [
        (GUARDED + ":wrong-one", "", f'password authentication failed for user "{GUARDED}"'),
        ("nobody-here:wrong-one", "", "nobody-here"),
        ("", "no_such_database", 'database "no_such_database" does not exist'),
        (GUARDED + ":right-one", "", "permission denied"),
    ],
)
def test_a_login_that_is_refused_is_not_waited_for(
    postgres_server: PostgresServer, account: str, database: str, said: str
) -> None:
    empty = postgres_server.empty_database()
    parts = urlsplit(empty)
    place = f"{parts.hostname}:{parts.port}"
    url = f"postgresql://{account or parts.netloc.rpartition('@')[0]}@{place}/{database or parts.path[1:]}"
    encrypted = "SET password_encryption = 'scram-sha-256'"  # which it is by default from version 14 on
    postgres_server.run(encrypted, f"CREATE ROLE {GUARDED} LOGIN PASSWORD 'right-one'")
    try:
        with pytest.raises(StoreUnfit) as refusal:
            asyncio.run(open_store(url).open())
    finally:
        postgres_server.run(f"DROP ROLE {GUARDED}")
    text = str(refusal.value)
    assert text.startswith("store: must name a database, and a user with its password who may use it; got postgresql:")
    assert f"{place}/{database or parts.path[1:]}: " in text
    assert said in text
    assert "-one" not in text.replace(said, "")


class TestWhatOthersHaveByDefault:
    """Settings of a server, a database or a role, which operators make for other programs."""

    THEIRS_AND_OURS: ClassVar[dict[str, tuple[str, str]]] = {
        "default_transaction_isolation": ("serializable", "read committed"),
        "statement_timeout": ("20ms", "0"),
        "lock_timeout": ("1ms", "0"),
        "idle_session_timeout": ("100ms", "0"),
        "timezone": ("Asia/Kathmandu", "UTC"),
    }

    def test_processes_that_start_together_make_the_schema_all_the_same(self, postgres_server: PostgresServer) -> None:
        url = postgres_server.empty_database()
        self._set(url)

        async def scenario() -> None:
            stores = [open_store(url) for _ in range(4)]
            await asyncio.gather(*(store.open() for store in stores))
            for store in stores:
                await store.close()

        asyncio.run(scenario())

    def test_a_session_has_ours(self, postgres_server: PostgresServer) -> None:
        url = postgres_server.empty_database()
        names = self._set(url)

        async def scenario() -> None:
            database = Database(url, timeout_s=10)
            one, pool = await database.connect(), await database.pool(1)
            for each in (one, pool):
                asked = "SELECT current_setting(name) FROM unnest($1::text[]) AS name"
                found = [row[0] for row in await each.fetch(asked, names)]
                assert found == [self.THEIRS_AND_OURS[name][1] for name in names]
            await one.close()
            await pool.close()

        asyncio.run(scenario())

    def test_nothing_is_set_by_the_first_message_that_a_pooler_does_not_take(self, url: str) -> None:
        """PgBouncer refuses a session that begins with other settings than these."""

        async def scenario() -> None:
            database = Database(url, timeout_s=10)
            one, pool = await database.connect(), await database.pool(1)
            for each in (one, pool):
                begun_with = await each.fetch("SELECT lower(name) FROM pg_settings WHERE source = 'client'")
                taken = {"application_name", "client_encoding", "datestyle", "timezone", "standard_conforming_strings"}
                assert {name for (name,) in begun_with} <= taken
            await one.close()
            await pool.close()

        asyncio.run(scenario())

    def _set(self, url: str) -> list[str]:
        """Make theirs the default of the database, those that its server knows; their names."""

        async def run() -> list[str]:
            connection = await asyncpg.connect(url)
            asked = "SELECT lower(name) FROM pg_settings WHERE lower(name) = ANY ($1::text[])"
            known = [name for (name,) in await connection.fetch(asked, list(self.THEIRS_AND_OURS))]
            for name in known:
                database, (theirs, _) = url.rpartition("/")[2], self.THEIRS_AND_OURS[name]
                await connection.execute(f"ALTER DATABASE {database} SET {name} = '{theirs}'")
            await connection.close()
            return known

        return asyncio.run(run())


@pytest.mark.parametrize("option", ["connect_timeout=3", "work_mem=much", "sslmode=banana"])
def test_an_option_that_nobody_knows_is_refused(url: str, option: str) -> None:
    with pytest.raises(StoreUnfit, match=f"store: .* the driver's options .*{option.partition('=')[0]}"):
        asyncio.run(open_store(f"{url}?{option}").open())


@pytest.mark.parametrize("option", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
def test_a_file_of_tls_that_is_not_there_is_named(url: str, option: str) -> None:
    with pytest.raises(StoreUnfit, match=rf"^store: {option} must be a file; got .*: there is none at /no/such\.pem$"):
        asyncio.run(open_store(f"{url}?sslmode=verify-full&{option}=/no/such.pem").open())


class TestWhatIsConfirmedIsKept:
    def test_a_server_that_does_not_flush_is_refused(self, url: str, postgres_server: PostgresServer) -> None:
        async def scenario() -> None:
            async with session(url) as beside:
                await beside.execute("ALTER SYSTEM SET fsync = off")
                try:
                    await beside.execute("SELECT pg_reload_conf()")
                    await until(lambda: beside.fetchval("SELECT current_setting('fsync') = 'off'"))
                    with pytest.raises(StoreUnfit, match="fsync is off"):
                        await open_store(url).open()
                finally:
                    await beside.execute("ALTER SYSTEM RESET fsync")
                    await beside.execute("SELECT pg_reload_conf()")
                    await until(lambda: beside.fetchval("SELECT current_setting('fsync') = 'on'"))

        asyncio.run(scenario())

    @pytest.mark.parametrize(("given", "used"), [("off", "on"), ("remote_apply", "remote_apply")])
    def test_a_commit_waits_for_the_disk_whatever_the_server_is_set_to(
        self, postgres_server: PostgresServer, given: str, used: str
    ) -> None:
        url = postgres_server.store()
        name = url.rpartition("/")[2]
        postgres_server.run(f"ALTER DATABASE {name} SET synchronous_commit = {given}")

        async def scenario() -> None:
            database = Database(url, timeout_s=10)
            writer, pool = await database.connect(), await database.pool(1)
            asked = "SELECT current_setting('synchronous_commit')"
            assert [await writer.fetchval(asked), await pool.fetchval(asked)] == [used, used]
            await writer.close()
            await pool.close()

        asyncio.run(scenario())
        postgres_server.run(f"ALTER DATABASE {name} RESET synchronous_commit")
        postgres_server.free(url)

    def test_a_standby_is_refused(self, url: str, postgres_server: PostgresServer) -> None:
        name = url.rpartition("/")[2]
        postgres_server.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with pytest.raises(StoreUnavailable, match="it is a standby"):
            asyncio.run(open_store(url).open())
        postgres_server.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")


def test_a_transaction_of_any_size_is_one(url: str) -> None:
    """The bodies that go ahead of the rest go with it, or not at all."""

    async def scenario() -> None:
        async with opened(url) as store:
            lease = (await own(store, ["scheduler"], "me"))["scheduler"]
            bodies = [Keep(f"t{n}", "input", bytes([n]) * (LARGE_BYTES // 2 + 1)) for n in range(3)]
            await store.commit(Transaction(inbox=["m1"]))
            work = Transaction(appends=[append(lease, entry(1))], inbox=["m1"], payloads=bodies)
            with pytest.raises(Exception, match="already received"):
                await store.commit(work)
            assert await store.payload("t0", "input") is None
            work.inbox = ["m2"]
            await store.commit(work)
            for n, kept in enumerate(bodies):
                assert await store.payload(f"t{n}", "input") == Payload(kept.body, "application/json", b"{}")

    asyncio.run(scenario())


def test_a_nul_in_a_text_is_replaced_which_no_database_text_can_hold(url: str) -> None:
    async def scenario() -> None:
        async with opened(url) as store:
            work = {**new("t1", description="a\x00b"), "inbox": ["m\x00"]}
            await store.commit(Transaction(**work))
            await store.commit(Transaction(changed_rows={"t1": {"error": "a\x00b", "remote_id": "r\x00"}}))
            found = await store.task("r\x00")
            assert found is not None
            assert found.error == "a\ufffdb"
            assert await store.received(["m\x00"]) == {"m\x00"}
            [entry] = await store.activity_changes(0, 10)
            assert entry.description == "a\ufffdb"
            await store.commit(Transaction(new_rows={"t2": row(error="\x00")}))

    asyncio.run(scenario())
