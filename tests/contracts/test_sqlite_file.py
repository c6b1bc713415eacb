"""A store in a file: one process at a time, nothing lost by kill -9, clear words where it cannot be used."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import actors.stores.sqlite
from actors.activity_reader import ActivityFilter
from actors.behaviour import Keep
from actors.errors import StoreInUse, StoreUnavailable
from actors.store import JournalEntry, TaskRow, Transaction, WholeStore
from actors.stores import FORMS, open_record, open_store

WRITER = """
import asyncio, sys
from actors.behaviour import Keep
from actors.store import JournalEntry, ShardAppend, Transaction
from actors.stores import open_store
from actors.task_lifecycle import TaskState
from tests.leasing import own

async def main():
    store = open_store(sys.argv[1])
    await store.open()
    lease = (await own(store, ["scheduler"], "writer"))["scheduler"]
    print("open", flush=True)
    row = dict(agent_id="a", model_name="m", priority=0, scope="", origin="rest", digest="d",
               state=TaskState.QUEUED, submitted_at=0.0)
    for n in range(lease.seq + 1, 10**9):
        entries = [JournalEntry(n, "one", 0.0, f"m{n}", f"t{n}", "TaskQueued", b"x" * 3000)]
        work = Transaction(appends=[ShardAppend("scheduler", lease.epoch, entries)], inbox=[f"m{n}"],
                           payloads=[Keep(f"t{n}", "input", b"y" * 3000)], new_rows={f"t{n}": row})
        await store.commit(work)
        print(n, flush=True)

asyncio.run(main())
"""


@contextmanager
def writing_process(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the store open and commits without end, saying the number of each commit."""
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()


async def opened(url: str) -> WholeStore:
    store = open_store(url)
    await store.open()
    return store


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def test_two_processes_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with writing_process(url_of(path)) as other:
        with pytest.raises(StoreInUse, match=f"{path} is in use by process {other.pid}"):
            asyncio.run(opened(url_of(path)))
        other.send_signal(signal.SIGKILL)
        other.wait()
        asyncio.run(open_and_close(url_of(path)))


async def open_and_close(url: str) -> None:
    await (await opened(url)).close()


def test_two_stores_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "link.db").symlink_to(tmp_path / "store.db")
        first = await opened(url_of(tmp_path / "store.db"))
        with pytest.raises(StoreInUse, match=str(os.getpid())):
            await opened(url_of(tmp_path / "link.db"))
        await first.close()
        await open_and_close(url_of(tmp_path / "link.db"))

    asyncio.run(scenario())


def test_kill_9_in_mid_load_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    url = url_of(tmp_path / "store.db")
    confirmed = 0
    for _ in range(3):
        with writing_process(url) as process:
            assert process.stdout is not None
            enough = confirmed + 150
            while confirmed < enough:
                confirmed = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split("\n")[:-1]  # the last piece may be cut short
            confirmed = int(rest[-1]) if rest else confirmed
            process.wait()
        journal, rows, inbox = asyncio.run(contents(url, confirmed))
        written = len(journal)
        assert written in (confirmed, confirmed + 1), "the one under way may have been written"
        assert [entry.seq for entry in journal] == list(range(1, written + 1))
        assert {row.task_id for row in rows} == {f"t{n}" for n in range(1, written + 1)}
        assert len(inbox) == confirmed
        confirmed = written


async def contents(url: str, confirmed: int) -> tuple[list[JournalEntry], list[TaskRow], set[str]]:
    store = await opened(url)
    try:
        journal = [entry async for entry in store.journal("scheduler", 0)]
        inbox = await store.received([f"m{n}" for n in range(1, confirmed + 1)])
        return journal, await store.tasks(limit=1_000_000), inbox
    finally:
        await store.close()


def refusal(path: Path) -> str:
    with pytest.raises(StoreUnavailable) as refused:
        asyncio.run(opened(url_of(path)))
    return str(refused.value)


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    asyncio.run(open_and_close(url_of(path)))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert "schema version 99" in refusal(path)
    assert "newer" in refusal(path), "the lock is free again after a refusal"


def test_a_file_of_the_first_schema_is_brought_up_to_date_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    first = Path(actors.stores.sqlite.__file__).with_name("schema.sql").read_text()
    with sqlite3.connect(path) as connection:
        connection.executescript(first)
        kept = "INSERT INTO payload (task_id, part, content_type, metadata, body) VALUES ('t', 'input', 'x', '', '1')"
        connection.execute(kept)
        connection.execute("PRAGMA user_version = 1")
    connection.close()

    async def look() -> None:
        store = await opened(url_of(path))
        assert await store.payload("t", "input") is not None
        assert await store.live_activity(ActivityFilter()) == []
        await store.close()

    asyncio.run(look())
    asyncio.run(look())


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    foreign, text = tmp_path / "foreign.db", tmp_path / "notes.txt"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    text.write_text("not a database " * 100)
    assert "something else" in refusal(foreign)
    assert "not a database" in refusal(text)
    assert text.read_text() == "not a database " * 100


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "nowhere") in refusal(tmp_path / "nowhere" / "store.db")


def test_a_file_that_others_lock_is_unavailable_and_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.stores.sqlite.connection.BUSY_TIMEOUT_S", 0.0)
    path = tmp_path / "store.db"

    async def scenario() -> None:
        store = await opened(url_of(path))
        stranger = sqlite3.connect(path, isolation_level=None)
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.commit(Transaction(inbox=["m1"]))
        stranger.execute("ROLLBACK")
        stranger.close()
        assert await store.received(["m1"]) == set()
        await store.commit(Transaction(inbox=["m1"]))
        await store.close()

    asyncio.run(scenario())


def test_a_full_disk_is_unavailable_and_recovers(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = await opened(url_of(tmp_path / "store.db"))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, before[1]))
        try:
            with pytest.raises(StoreUnavailable):
                await store.commit(Transaction(inbox=["m1"], payloads=[Keep("t1", "input", bytes(8 << 20))]))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert await store.received(["m1"]) == set()
        assert await store.payload("t1", "input") is None
        await store.commit(Transaction(inbox=["m1"], payloads=[Keep("t1", "input", b"small")]))
        assert await store.received(["m1"]) == {"m1"}
        await store.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql:///db", "names no database on a host"),
        ("postgresql://host", "names no database on a host"),
        ("postgresql://user:secret@host:port/db", "^postgresql://…@host:port/db names no database on a host"),
        ("mysql://host/db", "names no store"),
        ("store.db", "names no store"),
        ("sqlite:store.db", "names no store"),
        ("sqlite://host/store.db", "names a host"),
        ("sqlite:///", "names no file"),
        ("sqlite:///folder/", "names no file"),
    ],
)
def test_a_url_that_names_no_store_is_refused_with_the_forms(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"{said}.*sqlite:///relative.db"):
        open_store(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgre://swarm:secret@db/tasks",
        "postgresql://swarm:se/cret@db:5432/tasks",
        "postgresql://swarm:se#cret@db:5432/tasks",
        "postgresql://swarm:se?cret@db:5432/tasks",
        "postgresql://swarm:secret@[::1/tasks",
        "postgresql://db?password=secret",
        "sqlite://swarm:secret@db/tasks",
        "swarm:secret@db/tasks",
    ],
)
@pytest.mark.parametrize("open_one", [open_store, open_record])
def test_what_is_refused_is_shown_without_its_password(url: str, open_one: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match=r"db|::1") as refusal:
        open_one(url)
    assert "cret" not in str(refusal.value)
    assert str(refusal.value).endswith(FORMS)


def test_a_relative_url_is_relative_and_an_absolute_one_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asyncio.run(open_and_close("sqlite:///relative.db"))
    asyncio.run(open_and_close(f"sqlite:///{tmp_path}/absolute.db"))
    assert {path.name for path in tmp_path.glob("*.db")} == {"relative.db", "absolute.db"}


def test_a_store_in_memory_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    asyncio.run(open_and_close("sqlite://"))
    assert list(tmp_path.iterdir()) == []
