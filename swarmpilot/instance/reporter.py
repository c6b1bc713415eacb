"""Tells the scheduler how runs ended, and does not give up while it is away: a restart of it loses no result."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from swarmpilot.backoff import delays
from swarmpilot.instance.post import PostConnection
from swarmpilot.instance.reports import path_of, replaced_result

log = logging.getLogger("swarmpilot.instance")

SENDERS = 64
FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0
TIMEOUT_S = 30.0

# Refusals that a later attempt may overcome; any other 4xx is about the report itself.
PASSING = frozenset({404, 408, 425, 429})


class Reporter:
    """Sends reports over a few kept-alive connections, each until it is answered 2xx."""

    def __init__(self, scheduler: str, on_delivered: Callable[[], None]) -> None:
        self._scheduler = scheduler
        self._on_delivered = on_delivered
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._pending: set[str] = set()
        self._senders = [asyncio.create_task(self._send_all()) for _ in range(SENDERS)]

    @property
    def pending(self) -> int:
        """How many reports are not answered yet."""
        return len(self._pending)

    def report(self, key: str, body: bytes) -> None:
        """Send this report, unless the same one is under way."""
        if key not in self._pending:
            self._pending.add(key)
            self._queue.put_nowait((key, body))

    async def close(self) -> None:
        """Abandon what is not delivered."""
        for sender in self._senders:
            sender.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._senders, return_exceptions=True)

    async def _send_all(self) -> None:
        connections: dict[str, PostConnection] = {}
        try:
            while True:
                key, body = await self._queue.get()
                await self._deliver(connections, key, body)
                self._pending.discard(key)
                self._on_delivered()
        finally:
            for connection in connections.values():
                connection.close()

    async def _deliver(self, connections: dict[str, PostConnection], key: str, body: bytes) -> None:
        """Send until answered 2xx. A result that is refused for good is replaced by an error that says so."""
        waits = delays(FIRST_DELAY_S, LONGEST_DELAY_S)
        replaced = False
        failures = 0
        while True:
            status, reason = await self._post(connections, body)
            if 200 <= status < 300:
                if failures:
                    log.info("report of %s delivered after %d failed attempts", key, failures)
                return
            failures += 1
            if 400 <= status < 500 and status not in PASSING:
                if replaced:
                    log.error("the scheduler refuses any report of %s, giving up: %s", key, reason)
                    return
                log.warning("the scheduler refuses the result of %s, reporting an error instead: %s", key, reason)
                body = replaced_result(body, f"the scheduler refused the result: {reason}")
                replaced = True
                continue
            delay = next(waits)
            if failures in (1, 10) or failures % 100 == 0:
                log.warning("report of %s not delivered, trying again in %.1f s: %s", key, delay, reason)
            await asyncio.sleep(delay)

    async def _post(self, connections: dict[str, PostConnection], body: bytes) -> tuple[int, str]:
        """Status and reason; status 0 where nothing was answered."""
        url = self._scheduler + path_of(body)
        if url not in connections:
            connections[url] = PostConnection(url, TIMEOUT_S)
        try:
            status, text = await connections[url].post(body)
        except TimeoutError:
            return 0, f"{url} did not answer in time"
        except OSError as failure:
            return 0, f"{url}: {failure.strerror or failure}"
        except Exception as failure:
            # A sender that ended here would take its report with it, so what nobody foresaw is tried again as well.
            log.exception("a report met what nobody foresaw")
            return 0, f"{type(failure).__name__}: {failure}"
        return status, f"{status} {text[:300].decode(errors='replace')}"
