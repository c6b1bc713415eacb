"""What is taken off the wire for subscriptions, and what goes on to aiormq, however the bytes are cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import cast

import pamqp.frame
import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelNotFoundEntity
from pamqp.body import ContentBody
from pamqp.commands import Basic, Channel
from pamqp.common import FieldTable
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from actors.vitals import Vitals
from rabbitmq.consumption import Consumption
from rabbitmq.deliveries import ALIVE_EVERY_S, Delivered, Deliveries

OURS, OTHERS = 3, 4
ALIVE = Heartbeat().marshal()


class Wire:
    """A connection's receiving end with a taker on one channel, and what reached either side."""

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.time = clock  # type: ignore[method-assign]
        self.reader = asyncio.StreamReader(loop=self.loop)
        self.deliveries = Deliveries(self.reader, self.loop)
        self.taken: list[Delivered] = []
        self.deliveries.take(OURS, self.taken.append)

    @property
    def handed_on(self) -> bytes:
        return bytes(self.reader._buffer)  # type: ignore[attr-defined]

    def receive(self, data: bytes, size: int = 1 << 20) -> None:
        for start in range(0, len(data), size):
            self.deliveries.data_received(data[start : start + size])


def delivery(channel: int, tag: int, body: bytes, properties: Basic.Properties, most: int = 1 << 20) -> bytes:
    """As pamqp writes it."""
    deliver = Basic.Deliver("consumer", tag, tag % 2 == 0, "swarm.commands", "a.key")
    parts = [body[start : start + most] for start in range(0, len(body), most)]
    frames: list[pamqp.frame.FrameTypes] = [deliver, ContentHeader(0, len(body), properties)]
    frames += [ContentBody(part) for part in parts]
    return b"".join(pamqp.frame.marshal(frame, channel) for frame in frames)


HEADERS: FieldTable = {"tenant": "a", "retries": 3, "nested": {"list": [1, "two"]}}
PROPERTIES = [
    Basic.Properties(),
    Basic.Properties(content_type="application/json", delivery_mode=2, headers=HEADERS),
    Basic.Properties(message_id="m" * 200, correlation_id="c" * 200, reply_to="queue", priority=3),
]


@pytest.mark.parametrize("cut", [1, 2, 7, 8, 9, 100, 1 << 20])
def test_deliveries_are_taken_and_the_rest_is_handed_on_in_order(cut: int) -> None:
    wire, chance = Wire(), Random(cut)
    data, expected, others = b"", [], b""
    for tag in range(1, 30):
        body, properties = chance.randbytes(chance.choice([0, 1, 50, 999])), chance.choice(PROPERTIES)
        data += delivery(OURS, tag, body, properties, most=400)
        expected.append((tag, tag % 2 == 0, "a.key", body, dict(properties)))
        other = chance.choice([delivery(OTHERS, tag, body, properties), ALIVE, answer()])
        data, others = data + other, others + other
    wire.receive(data, cut)
    assert [(d.tag, d.redelivered, d.routing_key, d.body, dict(d.properties)) for d in wire.taken] == expected
    assert wire.handed_on == others


def answer() -> bytes:
    """A method that is no delivery, on the channel of the taker."""
    return pamqp.frame.marshal(Channel.CloseOk(), OURS)


def test_frames_of_two_channels_may_come_in_turn() -> None:
    wire = Wire()
    second: list[Delivered] = []
    wire.deliveries.take(OTHERS, second.append)
    one, two = (pieces(delivery(channel, 5, b"abcdef", PROPERTIES[1], most=2)) for channel in (OURS, OTHERS))
    wire.receive(b"".join(frame for pair in zip(one, two, strict=True) for frame in pair))
    assert [d.body for d in wire.taken] == [d.body for d in second] == [b"abcdef"]


def pieces(data: bytes) -> list[bytes]:
    """Frame by frame."""
    frames = []
    while data:
        size = 8 + int.from_bytes(data[3:7], "big")
        frames.append(data[:size])
        data = data[size:]
    return frames


def test_properties_that_cannot_be_read_come_with_their_fault() -> None:
    wire = Wire()
    broken = delivery(OURS, 1, b"x", Basic.Properties(headers={"k": "v"})).replace(b"\x01kS", b"\x01k?")
    wire.receive(broken + delivery(OURS, 2, b"y", PROPERTIES[0]))
    assert wire.taken[0].fault.startswith("properties: cannot be read")
    assert [(d.tag, d.body) for d in wire.taken] == [(1, b"x"), (2, b"y")]
    assert not wire.taken[1].fault


def test_a_channel_is_left_by_its_own_taker_alone() -> None:
    wire = Wire()
    wire.deliveries.leave(OURS, lambda _: None)
    wire.receive(delivery(OURS, 1, b"x", PROPERTIES[0]))
    assert len(wire.taken) == 1
    wire.deliveries.leave(OURS, wire.taken.append)
    last = delivery(OURS, 2, b"x", PROPERTIES[0])
    wire.receive(last)
    assert (len(wire.taken), wire.handed_on) == (1, last)


def test_who_could_not_subscribe_takes_nothing_from_the_next_on_the_channel() -> None:
    class NoSuchQueue:
        number = OTHERS

        async def basic_consume(self, *_: object, **__: object) -> None:
            raise ChannelNotFoundEntity("NOT_FOUND - no queue 'gone'")

    async def never(*_: object) -> None:
        raise AssertionError("nothing came")

    wire = Wire()
    consumption = Consumption(
        cast(AbstractChannel, NoSuchQueue()), wire.deliveries, never, lambda _: ((), True), lambda _: None, Vitals()
    )
    with pytest.raises(ChannelNotFoundEntity):
        wire.loop.run_until_complete(consumption.begin("gone", {}))
    others = delivery(OTHERS, 1, b"x", PROPERTIES[0])
    wire.receive(others)
    assert wire.handed_on == others
    wire.loop.close()


@pytest.mark.parametrize("strange", [b"AMQP\x00\x00\x09\x01", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_what_is_no_frame_is_handed_on_as_it_is(strange: bytes) -> None:
    wire = Wire()
    wire.receive(strange, 9)
    wire.receive(b"and more")
    assert wire.handed_on == strange + b"and more"


def test_aiormq_is_told_that_the_broker_lives_while_all_that_comes_is_taken() -> None:
    now = 100.0
    wire = Wire(lambda: now)
    wire.receive(ALIVE)
    wire.receive(delivery(OURS, 1, b"x", PROPERTIES[0]))
    assert wire.handed_on == ALIVE
    now += ALIVE_EVERY_S + 0.1
    wire.receive(delivery(OURS, 2, b"x", PROPERTIES[0]))
    assert wire.handed_on == 2 * ALIVE
