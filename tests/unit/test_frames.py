"""What is written by hand is what pamqp writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.frame import marshal
from pamqp.header import ContentHeader

from rabbitmq import frames

names = st.text(max_size=60)
exchanges = st.text("abc.-_:", max_size=60)


@given(
    st.integers(1, 65535),
    exchanges,
    names,
    st.binary(max_size=50),
    names,
    st.lists(st.tuples(st.text(min_size=1, max_size=20), st.text(max_size=300)), max_size=2, unique_by=lambda h: h[0]),
    st.sampled_from([frames.PERSISTENT, frames.TRANSIENT]),
    names,
    st.booleans(),
)
def test_a_message_is_written_as_pamqp_writes_it(
    channel: int,
    exchange: str,
    key: str,
    body: bytes,
    correlation: str,
    headers: list[tuple[str, str]],
    mode: int,
    message_id: str,
    mandatory: bool,
) -> None:
    header = frames.properties(
        "application/json",
        mode,
        headers=tuple(sorted(headers)),
        correlation_id=correlation,
        message_id=message_id,
    )
    properties = Basic.Properties(
        content_type="application/json",
        delivery_mode=mode,
        correlation_id=correlation or None,
        headers=dict(headers) or None,
        message_id=message_id or None,
    )
    parts = [ContentBody(body[n : n + 20]) for n in range(0, len(body), 20)]
    expected = marshal(Basic.Publish(exchange=exchange, routing_key=key, mandatory=mandatory), channel)
    expected += marshal(ContentHeader(body_size=len(body), properties=properties), channel)
    expected += b"".join(marshal(part, channel) for part in parts)
    assert frames.message(channel, exchange, key, header, body, most=20, mandatory=mandatory) == expected


def test_a_name_that_amqp_cannot_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="255 bytes, got 256"):
        frames.message(1, "", "x" * 256, frames.properties("a", 1), b"", 10)
