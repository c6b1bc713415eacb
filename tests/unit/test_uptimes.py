"""Whether an instance goes on as it was, told by its uptime and a steady clock."""

from __future__ import annotations

import pytest

from actors.couriers.uptimes import MOST, Uptimes
from actors.errands import Endpoint
from actors.messages.dispatcher import ProbeAnswered

AT = Endpoint("h", 1)


class Watch:
    """An `Uptimes` whose clock is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.uptimes = Uptimes(lambda: self.now)

    def hears(self, uptime_s: float | None, endpoint: Endpoint = AT, *, after: float = 0.0) -> bool:
        """Whether this answer is from the one that answered before."""
        self.now += after
        return self.uptimes.note(endpoint, ProbeAnswered(True, uptime_s=uptime_s)).goes_on


@pytest.mark.parametrize(
    ("uptime_s", "goes_on"), [(105.0, True), (107.9, True), (102.1, True), (108.1, False), (4.0, False)]
)
def test_it_goes_on_where_its_uptime_keeps_pace(uptime_s: float, goes_on: bool) -> None:
    watch = Watch()
    assert not watch.hears(100.0), "nothing is known of it"
    assert watch.hears(uptime_s, after=5) == goes_on


def test_one_that_had_just_been_started_may_have_been_started_again() -> None:
    watch = Watch()
    watch.hears(2.0)
    assert not watch.hears(5.0, after=5)
    assert watch.hears(10.0, after=5)


def test_each_endpoint_is_known_by_itself_and_none_for_ever() -> None:
    watch = Watch()
    watch.hears(100.0)
    for port in range(2, MOST + 1):
        assert not watch.hears(100.0, Endpoint("h", port))
    assert watch.hears(100.0), "there is room for as many"
    watch.hears(100.0, Endpoint("h", MOST + 1))
    assert not watch.hears(100.0, Endpoint("h", 2)), "the one that had said nothing for longest is forgotten"


def test_one_that_does_not_tell_is_left_alone() -> None:
    watch = Watch()
    watch.hears(100.0)
    assert not watch.hears(None, after=5)
    assert watch.hears(110.0, after=5)
