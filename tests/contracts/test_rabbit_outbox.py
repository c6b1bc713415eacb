"""How the outbox gathers: at once when idle, together while waiting, within bounds, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from actors.errors import BrokerUnavailable
from rabbitmq.outbox import Destination, Outbox, Parcel, Ticket

HERE, THERE = Destination("swarm.agent-0", "agent"), Destination("swarm.agent-1", "agent")


class Line:
    """Takes bundles and confirms them only when told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[bytes]]] = []
        self.fails_with: BrokerUnavailable | None = None
        self._confirm = asyncio.Event()
        self._arrived = asyncio.Event()

    async def send(self, destination: Destination, parcels: Sequence[Parcel]) -> None:
        self.sent.append((destination.queue, [parcel.body for parcel in parcels]))
        self._arrived.set()
        await self._confirm.wait()
        if self.fails_with is not None:
            raise self.fails_with

    async def have(self, bundles: int) -> None:
        async with asyncio.timeout(10):
            while len(self.sent) < bundles:
                self._arrived.clear()
                await self._arrived.wait()

    def confirm_all(self) -> None:
        self._confirm.set()


def put(outbox: Outbox, bodies: Sequence[bytes], destination: Destination = HERE) -> Ticket:
    ticket = Ticket(len(bodies))
    for body in bodies:
        outbox.put(destination, Parcel(body), ticket)
    return ticket


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def test_what_comes_while_a_bundle_awaits_its_confirm_goes_together_afterwards() -> None:
    async def story() -> None:
        line = Line()
        outbox = Outbox(line.send)
        first = put(outbox, [b"1"])
        await line.have(1)
        later = [put(outbox, [b"2"]), put(outbox, [b"3", b"4"])]
        line.confirm_all()
        for ticket in (first, *later):
            await ticket.confirmed()
        assert [bodies for _, bodies in line.sent] == [[b"1"], [b"2", b"3", b"4"]]

    run(story())


def test_one_destination_does_not_wait_for_another() -> None:
    async def story() -> None:
        line = Line()
        outbox = Outbox(line.send)
        put(outbox, [b"1"])
        put(outbox, [b"2"], THERE)
        await line.have(2)
        line.confirm_all()
        await outbox.close(10)
        assert [queue for queue, _ in line.sent] == ["swarm.agent-0", "swarm.agent-1"]

    run(story())


def test_bundles_keep_to_their_bounds_and_one_parcel_always_fits() -> None:
    async def story() -> None:
        line = Line()
        line.confirm_all()
        outbox = Outbox(line.send, max_parcels=3, max_bytes=10)
        await put(outbox, [b"a", b"b", b"c", b"d", b"x" * 25, b"e" * 6, b"f" * 6]).confirmed()
        assert [len(bodies) for _, bodies in line.sent] == [3, 1, 1, 1, 1]
        assert [body for _, bodies in line.sent for body in bodies][4] == b"x" * 25

    run(story())


def test_a_bundle_that_is_not_confirmed_fails_all_who_are_in_it_and_no_one_else() -> None:
    async def story() -> None:
        line = Line()
        line.fails_with = BrokerUnavailable("lost")
        outbox = Outbox(line.send)
        tickets = [put(outbox, [b"1"]), put(outbox, [b"2"])]
        await line.have(1)
        line.confirm_all()
        for ticket in tickets:
            with pytest.raises(BrokerUnavailable, match="lost"):
                await ticket.confirmed()
        line.fails_with = None
        await put(outbox, [b"3"]).confirmed()

    run(story())


def test_closing_in_mid_confirm_tells_everyone_who_waits() -> None:
    async def story() -> None:
        line = Line()
        outbox = Outbox(line.send)
        under_way = put(outbox, [b"1"])
        await line.have(1)
        waiting = put(outbox, [b"2"])
        await outbox.close(0)
        for ticket in (under_way, waiting):
            with pytest.raises(BrokerUnavailable, match="broken off"):
                await ticket.confirmed()

    run(story())
