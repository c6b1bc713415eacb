"""Joining and leaving the scheduler: registration is tried until it succeeds, removal once."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from swarmpilot.addresses import is_address
from swarmpilot.backoff import delays

log = logging.getLogger("swarmpilot.instance")

EVERYWHERE = ("0.0.0.0", "::", "")


@dataclass(frozen=True, slots=True)
class Membership:
    """This instance at one scheduler. `host` and `port` are where the scheduler reaches it."""

    session: aiohttp.ClientSession
    scheduler: str
    host: str
    port: int
    model: str

    async def join(self) -> str:
        """Register, trying until the scheduler takes it; the ti_uuid it gave."""
        body = {"host": self.host, "port": self.port, "model_name": self.model}
        last = ""
        for delay in delays(0.2, 5.0):
            try:
                answer = await self._post("/ti/register", body)
                if answer.get("status") == "success":
                    ti_uuid = str(answer.get("ti_uuid", ""))
                    log.info("registered at %s as %s for model %s", self.scheduler, ti_uuid, self.model)
                    return ti_uuid
                reason = str(answer.get("message") or answer.get("detail") or answer)
            except (aiohttp.ClientError, TimeoutError, ValueError) as failure:
                reason = str(failure) or type(failure).__name__
            if reason != last:
                log.warning("not registered yet, trying again: %s", reason)
                last = reason
            await asyncio.sleep(delay)
        raise AssertionError("delays never end")

    async def leave(self) -> bool:
        """Take the instance out; False where the scheduler cannot be told."""
        try:
            answer = await self._post("/ti/remove", {"host": self.host, "port": self.port})
        except (aiohttp.ClientError, TimeoutError, ValueError) as failure:
            log.warning("could not be removed from %s: %s", self.scheduler, failure or type(failure).__name__)
            return False
        log.info("removed from %s: %s", self.scheduler, answer.get("message", ""))
        return answer.get("status") == "success"

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self.session.post(
            self.scheduler + path, json=body, timeout=aiohttp.ClientTimeout(total=10)
        ) as answer:
            read = await answer.json(content_type=None)
            if not isinstance(read, dict):
                raise ValueError(f"{path} answered {answer.status} with what is not an object")
            return read


def checked_url(url: str) -> str:
    """The scheduler's address without a slash at its end. Raises ValueError where it is none."""
    if not is_address(url):
        raise ValueError(f"the scheduler's address must be like http://127.0.0.1:8102, got {url!r}")
    return url.rstrip("/")


def advertised(address: str) -> tuple[str, int]:
    """The host and port of HOST or HOST:PORT; port 0 for none. Raises ValueError."""
    is_bare_ipv6 = address.count(":") > 1 and not address.startswith("[")
    try:
        parts = urlsplit(f"//[{address}]" if is_bare_ipv6 else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port == 0 or parts.path or "@" in parts.netloc:
        raise ValueError(f"advertise: must be HOST or HOST:PORT, with a port from 1 to 65535; got {address!r}")
    return host, port or 0


def reachable_host(bound: str, scheduler: str) -> str:
    """The address to register: the bound one, or where that is "everywhere" the one that faces the scheduler."""
    if bound not in EVERYWHERE:
        return bound
    target = urlsplit(scheduler)
    try:
        family = socket.getaddrinfo(target.hostname, target.port or 80, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family[0], socket.SOCK_DGRAM) as probe:
            probe.connect(family[4])  # sends nothing: it only asks the routing table
            return str(probe.getsockname()[0])
    except OSError:
        return socket.gethostname()
