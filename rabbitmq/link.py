"""One connection to RabbitMQ, kept up: reconnects with backoff and jitter, and prepares what each new one needs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiormq
import structlog
from aiormq.abc import AbstractConnection
from aiormq.exceptions import ConnectionClosed, InvalidFrameError
from yarl import URL

from actors.broker_urls import broker_urls, port_of
from actors.ending import end
from actors.errors import BrokerUnavailable, BrokerUnfit, QueueUnfit
from actors.vitals import Vitals
from rabbitmq.deliveries import Deliveries, TakingTransport
from rabbitmq.failures import as_unavailable

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 5.0
HEARTBEAT_S = 4
"""A silent peer is given up after two or three of these: what a frozen process was given comes back within 10 s."""
LOOK_EVERY_S = 1.0
"""How often a connection is looked at that has not said that it ended."""
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 5.0

log = structlog.get_logger(__name__)


class Link:
    """A supervised connection to the broker at `url`, or to any node of the cluster whose nodes it names.

    `prepare` is run on each new connection before anybody gets to see it.
    """

    def __init__(
        self,
        url: str,
        name: str,
        prepare: Callable[[AbstractConnection], Awaitable[None]] | None = None,
        *,
        vitals: Vitals | None = None,
    ) -> None:
        self._urls = broker_urls(url, HEARTBEAT_S)
        self._name = name
        self._prepare = prepare
        self.vitals = vitals or Vitals()
        self._connection: AbstractConnection | None = None
        self._transport = TakingTransport()
        self._is_up = asyncio.Event()
        self._gone = asyncio.Event()
        self._suspected = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._farewells: set[asyncio.Task[None]] = set()

    @property
    def nodes(self) -> int:
        """How many nodes of the broker it knows of."""
        return len(self._urls)

    @property
    def connection(self) -> AbstractConnection | None:
        """The connection, None while there is none."""
        if self._connection is None or not self._connection.is_opened:
            return None
        return self._connection

    @property
    def blocked(self) -> str:
        """Why RabbitMQ takes no messages over the connection of now, "" where it does."""
        return "" if self._transport.deliveries is None else self._transport.deliveries.blocked

    @property
    def deliveries(self) -> Deliveries:
        """What arrives over the connection of now, which there is."""
        assert self._transport.deliveries is not None
        return self._transport.deliveries

    @property
    def gone(self) -> asyncio.Event:
        """Set when the connection of now is given up. What lives on it ends then, whether or not it was told."""
        return self._gone

    async def open(self) -> None:
        """Connect, and stay connected from then on.

        Raises BrokerUnavailable where the first attempt fails, BrokerUnfit where no later one would go better.
        """
        await self._connect()
        self._supervisor = asyncio.create_task(self._supervise(), name=f"{self._name} link")

    async def close(self) -> None:
        """Disconnect for good."""
        await end(self._supervisor)
        self._supervisor = None
        self._is_up.clear()
        self._gone.set()
        if self._connection is not None:
            self._say_farewell(self._connection)
            self._connection = None
        if self._farewells:
            await asyncio.wait(self._farewells, timeout=CLOSE_TIMEOUT_S)

    async def up(self) -> AbstractConnection:
        """The connection, as soon as there is one."""
        while (connection := self.connection) is None:
            self._is_up.clear()
            await self._is_up.wait()
        return connection

    def suspect(self) -> None:
        """It looks open and does not answer: give it up and make a new one."""
        self._suspected.set()

    async def _supervise(self) -> None:
        while True:
            await self._end_of_connection()
            lost, self._connection = self._connection, None
            self._is_up.clear()
            self._gone.set()
            if lost is not None:
                self.vitals.ill("broker", "connection lost; trying to make another", self._name)
                self._say_farewell(lost)
            delay = FIRST_DELAY_S
            while self._connection is None:
                # Jitter, so that the processes of a cluster do not all come back in the same moment.
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))
                delay = min(2 * delay, LONGEST_DELAY_S)
                try:
                    await self._connect()
                except BrokerUnavailable as error:
                    log.info("broker still unreachable", link=self._name, error=str(error))
            self.vitals.well("broker", self._name)

    async def _end_of_connection(self) -> None:
        """aiormq tells of the end from a task that nothing holds on to; so we look for ourselves as well."""
        connection = self._connection
        if connection is None:
            return
        suspicion = asyncio.ensure_future(self._suspected.wait())
        closing = connection.closing
        try:
            while connection.is_opened and not suspicion.done():
                await asyncio.wait({suspicion, closing}, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            suspicion.cancel()
            if not closing.done():
                closing.cancel()

    async def _connect(self) -> None:
        failures: list[BrokerUnavailable] = []
        for url in random.sample(self._urls, len(self._urls)):
            try:
                with as_unavailable(f"connecting to {url.host}:{port_of(url)}"):
                    async with asyncio.timeout(CONNECT_TIMEOUT_S):
                        await self._connect_to(url)
                return
            except QueueUnfit:
                raise
            except BrokerUnavailable as error:
                failures.append(error)
        told = "; ".join(map(str, failures))
        if not all(isinstance(failure, BrokerUnfit) for failure in failures):
            raise BrokerUnavailable(told)
        rule = "must name a vhost, and a user with its password who may configure, write and read there"
        raise BrokerUnfit(f"amqp: {rule}; got {', '.join(map(_shown, self._urls))}: {told}")

    async def _connect_to(self, url: URL) -> None:
        transport = TakingTransport(self._told)
        try:
            connection = await aiormq.connect(
                url, client_properties={"connection_name": self._name}, transport_factory=transport
            )
        except InvalidFrameError as error:
            if transport.deliveries is None or transport.deliveries.closed is None:
                raise
            raise ConnectionClosed(*transport.deliveries.closed) from error  # which aiormq had not expected
        try:
            if self._prepare is not None:
                await self._prepare(connection)
        except BaseException:
            self._say_farewell(connection)
            raise
        self._suspected.clear()
        self._gone = asyncio.Event()
        self._connection, self._transport = connection, transport
        self._is_up.set()

    def _told(self, why_blocked: str) -> None:
        """RabbitMQ blocks who publishes while it has too little memory or disk."""
        if why_blocked:
            self.vitals.ill("broker", f"RabbitMQ takes no messages: {why_blocked}", self._name)
        else:
            self.vitals.well("broker", self._name)

    def _say_farewell(self, connection: AbstractConnection) -> None:
        """Close it in the background: a peer that is gone must not hold up the next connection."""

        async def close() -> None:
            with as_unavailable("closing"):
                await connection.close()

        self._track(close())

    def _track(self, farewell: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(farewell)
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


def _shown(url: URL) -> str:
    """For people: without the password."""
    return str((url.with_password("…") if url.password else url).with_query(None).human_repr())
