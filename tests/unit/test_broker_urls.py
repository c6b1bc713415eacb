"""Where a RabbitMQ is, in one text: one node, or several of a cluster."""

from __future__ import annotations

import pytest

from actors.broker_urls import broker_urls


def shown(text: str) -> list[str]:
    return [str(url) for url in broker_urls(text, 4)]


def test_one_node_and_its_heartbeat() -> None:
    assert shown("amqp://u:p@rabbit:5673/here") == ["amqp://u:p@rabbit:5673/here?heartbeat=4"]
    assert shown("amqps://rabbit/?heartbeat=30") == ["amqps://rabbit/?heartbeat=30"]


def test_each_node_of_a_cluster_once() -> None:
    assert shown("amqp://a/, amqp://b/,amqp://a/,") == ["amqp://a/?heartbeat=4", "amqp://b/?heartbeat=4"]


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "''"),
        (",", "','"),
        ("rabbit:5672", "'rabbit:5672'"),
        ("http://rabbit/", "'http://rabbit/'"),
        ("amqp://", "'amqp://'"),
        ("amqp://a/,b", "'amqp://a/,b'"),
        ("amqp://name:secret@[::1/", "'amqp://[::1/'"),
        ("amqp://n:secret@a/,amqp://n:secret@b:x/", "'amqp://b:x/'"),
    ],
)
def test_anything_else_is_refused_without_its_password(text: str, got: str) -> None:
    with pytest.raises(ValueError, match="must be amqp://user:password@host:port/vhost") as refused:
        broker_urls(text, 4)
    assert str(refused.value).endswith(f"; got {got}")
