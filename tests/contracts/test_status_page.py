"""The status page in a real browser: what it shows is so, and where it no longer knows, it says so."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from swarmpilot import TaskInstance, Worker
from tests.browser import Page, chromium, opened
from tests.embedded import Embedded, embedded, instance
from tests.tcp_gate import TcpGate

INSTANCES = "[...document.querySelectorAll('#rows tr')].map((row) => row.cells[1].textContent)"
CELLS = "[...document.querySelectorAll('#rows td')]"
OUT_OF_SIGHT = f"{CELLS}.filter((cell) => cell.getBoundingClientRect().right > innerWidth).length"


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def see(story: Callable[[Embedded, TcpGate, Page], Awaitable[None]]) -> None:
    """Look at the page of a service that is behind a gate."""
    program = chromium()

    async def run() -> None:
        async with embedded() as service:
            gate = TcpGate("127.0.0.1", int(service.url.rpartition(":")[2]))
            gate.open()
            try:
                async with opened(program, f"http://127.0.0.1:{gate.port}/") as page:
                    await page.shows("at('health').textContent", "healthy")
                    await story(service, gate, page)
            finally:
                gate.let_go()
                gate.shut()

    asyncio.run(run())


def test_what_is_old_is_not_shown_as_if_it_were_so_now() -> None:
    async def story(service: Embedded, gate: TcpGate, page: Page) -> None:
        await page.shows("at('completed').textContent", "0")
        await page.shows("at('old').hidden", True)
        for cease, resume in ((gate.hold, gate.let_go), (gate.shut, gate.open)):
            cease()
            await page.shows("at('health').textContent", "not reachable")
            await page.shows("at('old').hidden || at('old').textContent.startsWith('figures of')", True)
            await page.shows("at('old').hidden", False)
            await page.shows("at('rate').textContent", "–")
            resume()
            await page.shows("at('health').textContent", "healthy")
            await page.shows("at('old').hidden", True)
            await page.shows("at('rate').textContent", "0.0")

    see(story)


def test_a_long_name_leaves_the_figures_of_all_in_sight() -> None:
    async def story(service: Embedded, gate: TcpGate, page: Page) -> None:
        async with instance(service, "m" * 255):
            await page.shows(f"{INSTANCES}.length", 1)
            await page.shows("document.querySelector('#rows td').title", "m" * 255)
            await page.shows(OUT_OF_SIGHT, 0)

    see(story)


def test_an_instance_is_shown_by_what_it_can_be_reached_at() -> None:
    async def story(service: Embedded, gate: TcpGate, page: Page) -> None:
        worker = Worker("a", worker_id="<b>w</b>", url=service.url)
        worker.task(lambda task: {})
        host, shown = ("::1", "[::1]") if has_ipv6() else ("127.0.0.1", "127.0.0.1")
        there = TaskInstance("z", host=host, scheduler=service.url)
        await worker.start()
        await there.start()
        try:
            await worker.attached()
            await there.joined()
            await page.shows(INSTANCES, ["<b>w</b>", f"{shown}:{there.port}"])
        finally:
            await worker.close()
            await there.close()

    see(story)
