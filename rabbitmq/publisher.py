"""Publishes AMQP messages and waits, for a bounded time, for the broker to confirm them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple, cast

from aiormq import Channel
from aiormq.abc import ChannelFrame
from aiormq.exceptions import ChannelNotFoundEntity, DeliveryError, PublishError
from pamqp.commands import Basic

from actors.errors import BrokerUnavailable
from rabbitmq import frames
from rabbitmq.failures import as_unavailable
from rabbitmq.link import Link

CONFIRM_TIMEOUT_S = 10.0
REFUSED_PAUSE_S = 0.1


class Post(NamedTuple):
    """A message. `properties` as `frames` encodes them.

    Where no queue takes it, it is gone; but one with a `message_id`, which its properties have as well, is returned.
    """

    exchange: str
    routing_key: str
    properties: bytes
    body: bytes
    message_id: str = ""


class Publisher:
    """A confirming channel on a link, opened anew when it was lost or did not answer in time."""

    def __init__(self, link: Link, timeout_s: float = CONFIRM_TIMEOUT_S) -> None:
        self._link = link
        self._timeout_s = timeout_s
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()
        self._under_way: dict[Channel, int] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def publish(
        self, body: bytes, properties: Basic.Properties, *, exchange: str = "", routing_key: str, mandatory: bool = True
    ) -> None:
        """Returns once confirmed. Raises BrokerUnavailable, or Unroutable where `mandatory` and no queue takes it."""
        async with self._confirming(exchange or routing_key) as channel:
            await channel.basic_publish(
                body,
                exchange=exchange,
                routing_key=routing_key,
                properties=properties,
                mandatory=mandatory,
                wait=False,
            )

    async def post(self, posts: Sequence[Post], *, again: bool = True) -> None:
        """Publish all of these at once; returns once all are confirmed. Raises BrokerUnavailable, or Unroutable where
        one is returned.

        What is refused is published `again`, as long as there is time: its queue may just be on its way out, or is
        electing its leader.
        """
        if not posts:
            return
        place = posts[0].exchange or posts[0].routing_key
        async with self._confirming(place) as channel:
            left = await _refused(channel, posts)
            while left:
                if not again:
                    raise BrokerUnavailable(f"publishing to {place}: it is refused")
                await asyncio.sleep(REFUSED_PAUSE_S)
                left = await _refused(channel, left)

    @asynccontextmanager
    async def _confirming(self, place: str) -> AsyncIterator[Channel]:
        """A channel to publish to `place` and await the confirms on, in the block and in time."""
        if why := self._link.blocked:  # it would lie in the socket until its time is over
            raise BrokerUnavailable(f"RabbitMQ takes no messages: {why}")
        channel = self._usable() or await self._open()
        self._under_way[channel] = self._under_way.get(channel, 0) + 1
        try:
            with as_unavailable(f"publishing to {place}"):
                async with asyncio.timeout(self._timeout_s):
                    yield channel
        except BrokerUnavailable as error:
            # Its confirms can no longer be told apart from late ones: nothing new goes over this channel.
            if self._channel is channel:
                self._channel = None
            if isinstance(error.__cause__, ChannelNotFoundEntity):
                self._link.suspect()  # an exchange of ours was deleted: with a new connection all are declared
            raise
        finally:
            self._leave(channel)

    def _usable(self) -> Channel | None:
        channel = self._channel
        return None if channel is None or channel.is_closed else channel

    async def _open(self) -> Channel:
        async with self._opening:
            if (channel := self._usable()) is not None:
                return channel
            connection = self._link.connection
            if connection is None:
                raise BrokerUnavailable("RabbitMQ is not connected")
            try:
                with as_unavailable("opening a channel"):
                    async with asyncio.timeout(self._timeout_s):
                        self._channel = cast(Channel, await connection.channel(on_return_raises=True))
            except BrokerUnavailable:
                self._link.suspect()
                raise
            return self._channel

    def _leave(self, channel: Channel) -> None:
        """The last to leave a retired channel closes it: until then others await their confirms on it."""
        self._under_way[channel] -= 1
        if self._under_way[channel]:
            return
        del self._under_way[channel]
        if channel is not self._channel and not channel.is_closed:
            task = asyncio.create_task(self._close(channel))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _close(self, channel: Channel) -> None:
        try:
            with as_unavailable("closing a channel"):
                async with asyncio.timeout(self._timeout_s):
                    await channel.close()
        except BrokerUnavailable:
            self._link.suspect()


async def _refused(channel: Channel, posts: Sequence[Post]) -> list[Post]:
    """Publish them; those that the broker says it did not take."""
    refused: list[Post] = []
    for post, confirmed in zip(posts, await _write(channel, posts), strict=True):
        try:
            await confirmed
        except PublishError:
            raise
        except DeliveryError:
            refused.append(post)
    return refused


async def _write(channel: Channel, posts: Sequence[Post]) -> list[asyncio.Future[object]]:
    """Hand all to the connection in one piece, numbered as aiormq numbers its own; a future for each confirm."""
    async with channel.lock:
        most, first = channel.max_content_size, channel.delivery_tag + 1
        payload = b"".join(
            frames.message(
                channel.number, p.exchange, p.routing_key, p.properties, p.body, most, mandatory=bool(p.message_id)
            )
            for p in posts
        )
        confirms = {tag: channel.create_future() for tag in range(first, first + len(posts))}
        channel.confirmations.update(confirms)
        for (tag, confirm), post in zip(confirms.items(), posts, strict=True):
            if post.message_id:  # by which aiormq finds whose confirm it is when the message is returned
                channel.message_id_delivery_tag[post.message_id] = tag
                confirm.add_done_callback(partial(_forget, channel, post.message_id))
        channel.delivery_tag += len(posts)
        try:
            await channel.write_queue.put(ChannelFrame(payload, should_close=False))
        except BaseException:
            # The broker has not seen them: the numbers are the next ones' again.
            channel.delivery_tag -= len(posts)
            for tag, confirm in confirms.items():
                del channel.confirmations[tag]
                confirm.cancel()
            raise
    return list(confirms.values())


def _forget(channel: Channel, message_id: str, _: object) -> None:
    channel.message_id_delivery_tag.pop(message_id, None)
