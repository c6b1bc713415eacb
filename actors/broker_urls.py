"""Where a RabbitMQ is: one URL, or one of each node of a cluster, separated by commas."""

from __future__ import annotations

import re
from pathlib import Path

from yarl import URL

RULE = "must be amqp://user:password@host:port/vhost, or several of one cluster, separated by commas"

TLS_FILES = ("cafile", "certfile", "keyfile")
"""What the query of an amqps:// URL may name: whom to trust, and who we are."""


def broker_urls(text: str, heartbeat_s: int) -> list[URL]:
    """The nodes that it names, each once, with this heartbeat where it names none of its own. Raises ValueError."""
    parts = dict.fromkeys(part.strip() for part in text.split(",") if part.strip())
    return [_url(part, text, heartbeat_s) for part in parts or [""]]


def without_credentials(text: str) -> str:
    """It without all that may be a name or a password, however badly it is written."""
    return re.sub(r"^([a-z0-9+.-]*://)?.*@", r"\1", text, flags=re.IGNORECASE | re.DOTALL)


def port_of(url: URL) -> int:
    """Where a client connects to: the protocol's port, unless the URL names another."""
    return url.port or (5671 if url.scheme == "amqps" else 5672)


def _url(part: str, text: str, heartbeat_s: int) -> URL:
    try:
        url = URL(part)
        is_usable = url.scheme in ("amqp", "amqps") and bool(url.host)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError(f"amqp: {RULE}; got {without_credentials(text)!r}")
    for name in TLS_FILES:
        if (file := url.query.get(name)) is not None and not Path(file).is_file():
            raise ValueError(f"amqp: {name} must be a file; there is none at {file}")
    return url if "heartbeat" in url.query else url.update_query(heartbeat=str(heartbeat_s))
