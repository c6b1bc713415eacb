"""What a worker says over a broker goes out in bundles: in order, none twice, each sender told what became of his."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from actors.addresses import dispatcher
from actors.envelope import Envelope
from actors.envelope_json import decode_envelopes
from actors.messages.worker import PingWorker
from swarmpilot.worker import bundles as bundles_module
from swarmpilot.worker.bundles import Bundles
from swarmpilot.worker.conversation import Disconnected


class Wire:
    """Takes bundles, and confirms each when it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[str]]] = []
        self.sending = asyncio.Event()
        self.failure: Disconnected | None = None
        self._confirms: asyncio.Queue[None] = asyncio.Queue()

    async def send(self, queue: str, bundle: bytes) -> None:
        self.sent.append((queue, [envelope.id for envelope in decode_envelopes(bundle)]))
        self.sending.set()
        await self._confirms.get()
        if self.failure is not None:
            raise self.failure

    def confirm(self, times: int = 1) -> None:
        for _ in range(times):
            self._confirms.put_nowait(None)


def perform(story: Callable[[Wire, Bundles], Awaitable[None]]) -> None:
    async def run() -> None:
        wire = Wire()
        async with asyncio.timeout(10):
            await story(wire, Bundles(wire.send))

    asyncio.run(run())


def envelope(id_: str) -> Envelope:
    return Envelope(id_, dispatcher("ti"), PingWorker())


def test_what_is_said_while_a_bundle_awaits_its_confirm_makes_the_next() -> None:
    async def story(wire: Wire, bundles: Bundles) -> None:
        first = bundles.add("q", envelope("1"))
        await wire.sending.wait()
        rest = [bundles.add("q", envelope(id_)) for id_ in "23"]
        wire.confirm()
        await first
        assert not any(sent.done() for sent in rest), "told before their confirm"
        wire.confirm()
        await asyncio.gather(*rest)
        assert wire.sent == [("q", ["1"]), ("q", ["2", "3"])]

    perform(story)


def test_one_queue_does_not_wait_for_another() -> None:
    async def story(wire: Wire, bundles: Bundles) -> None:
        both = [bundles.add("q", envelope("1")), bundles.add("r", envelope("2"))]
        wire.confirm(2)
        await asyncio.gather(*both)
        assert sorted(wire.sent) == [("q", ["1"]), ("r", ["2"])]

    perform(story)


def test_a_bundle_has_limits_and_one_envelope_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(wire: Wire, bundles: Bundles) -> None:
        wire.confirm(10)
        await asyncio.gather(*[bundles.add("q", envelope(str(n))) for n in range(5)])
        assert [ids for _, ids in wire.sent] == [["0", "1"], ["2", "3"], ["4"]]
        monkeypatch.setattr(bundles_module, "MOST_BYTES", 1)
        await asyncio.gather(*[bundles.add("q", envelope(str(n))) for n in range(5, 7)])
        assert [ids for _, ids in wire.sent[3:]] == [["5"], ["6"]]

    monkeypatch.setattr(bundles_module, "MOST_ENVELOPES", 2)
    perform(story)


def test_a_bundle_that_is_not_confirmed_fails_for_all_in_it_and_for_no_other() -> None:
    async def story(wire: Wire, bundles: Bundles) -> None:
        lost = [bundles.add("q", envelope(id_)) for id_ in "12"]
        wire.failure = Disconnected("gone")
        wire.confirm()
        for outcome in await asyncio.gather(*lost, return_exceptions=True):
            assert isinstance(outcome, Disconnected)
        wire.failure = None
        again = bundles.add("q", envelope("3"))
        wire.confirm()
        await again
        assert [ids for _, ids in wire.sent] == [["1", "2"], ["3"]]

    perform(story)
