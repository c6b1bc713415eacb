"""A page in a real browser: Chromium, installed from Debian where that is ours to do, asked over its own protocol."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.debian_packages import Debian

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
HOW_TO_INSTALL = "A Chromium is needed. Install one with `apt-get install chromium` (as root)."
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0")
DEADLINE_S = 60.0
LOOK_AGAIN_S = 0.05


def chromium() -> str:
    """The browser's program. Raises InstallationNeeded, with what to do."""
    Debian().install_if_absent("chromium", lambda: _program() is not None, HOW_TO_INSTALL)
    found = _program()
    assert found is not None
    return found


def _program() -> str | None:
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class Page:
    """A page that has been opened."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)

    async def value(self, script: str) -> Any:
        """What the script comes to in the page; None where it fails, as while the page is being loaded."""
        asked = next(self._ids)
        params = {"expression": script, "returnByValue": True}
        await self._socket.send_json({"id": asked, "method": "Runtime.evaluate", "params": params})
        while (answer := await self._socket.receive_json()).get("id") != asked:
            pass
        return answer["result"]["result"].get("value")

    async def shows(self, script: str, expected: object) -> None:
        """Wait until the script comes to this. Fails where it has not in a minute."""
        found: object = None
        try:
            async with asyncio.timeout(DEADLINE_S):
                while (found := await self.value(script)) != expected:  # noqa: ASYNC110 - a page gives no signal
                    await asyncio.sleep(LOOK_AGAIN_S)
        except TimeoutError:
            raise AssertionError(f"{script} is {found!r}, not {expected!r}") from None


@asynccontextmanager
async def opened(program: str, url: str, width: int = 1200) -> AsyncIterator[Page]:
    """This page, in a browser of its own."""
    with tempfile.TemporaryDirectory(prefix="swarmpilot-browser-", ignore_cleanup_errors=True) as folder:
        options = (*OPTIONS, f"--user-data-dir={folder}", f"--window-size={width},900", url)
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(program, *options, stdout=quiet, stderr=quiet)
        try:
            async with aiohttp.ClientSession() as session:
                where = await _socket_of(session, Path(folder, "DevToolsActivePort"), url)
                async with session.ws_connect(where, max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            process.terminate()
            await process.wait()


async def _socket_of(session: aiohttp.ClientSession, port_file: Path, url: str) -> str:
    async with asyncio.timeout(DEADLINE_S):
        while True:  # the browser gives no signal
            for page in await _pages(session, _port_in(port_file)):
                if page["url"].startswith(url):
                    return str(page["webSocketDebuggerUrl"])
            await asyncio.sleep(LOOK_AGAIN_S)


async def _pages(session: aiohttp.ClientSession, port: str) -> list[dict[str, Any]]:
    if not port:
        return []
    async with session.get(f"http://127.0.0.1:{port}/json") as answer:
        pages: list[dict[str, Any]] = await answer.json()
        return pages


def _port_in(file: Path) -> str:
    """The port that the browser listens on, "" where it does not yet."""
    return file.read_text().partition("\n")[0] if file.exists() else ""
