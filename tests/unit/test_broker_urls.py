"""Where a RabbitMQ is, in one text: one node, or several of a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from yarl import URL

from actors.broker_urls import broker_urls, port_of


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


@pytest.mark.parametrize(
    ("url", "port"), [("amqp://a/", 5672), ("amqps://a/", 5671), ("amqps://a:5672/", 5672), ("amqp://a:1/", 1)]
)
def test_the_port_is_the_protocols_unless_it_is_named(url: str, port: int) -> None:
    assert port_of(URL(url)) == port


@pytest.mark.parametrize("name", ["cafile", "certfile", "keyfile"])
def test_a_file_of_tls_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    there, missing = tmp_path / "there.pem", tmp_path / "missing.pem"
    there.touch()
    assert len(broker_urls(f"amqps://a/?{name}={there}", 4)) == 1
    for wrong in (missing, tmp_path):
        with pytest.raises(ValueError, match=rf"^amqp: {name} must be a file; there is none at {wrong}$"):
            broker_urls(f"amqps://a/?{name}={there},amqps://b/?{name}={wrong}", 4)
