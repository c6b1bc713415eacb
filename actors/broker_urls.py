"""Where a RabbitMQ is: one URL, or one of each node of a cluster, separated by commas."""

from __future__ import annotations

import re

from yarl import URL

RULE = "must be amqp://user:password@host:port/vhost, or several of one cluster, separated by commas"


def broker_urls(text: str, heartbeat_s: int) -> list[URL]:
    """The nodes that it names, each once, with this heartbeat where it names none of its own. Raises ValueError."""
    parts = dict.fromkeys(part.strip() for part in text.split(",") if part.strip())
    return [_url(part, text, heartbeat_s) for part in parts or [""]]


def without_credentials(text: str) -> str:
    """It without all that may be a name or a password, however badly it is written."""
    return re.sub(r"^([a-z0-9+.-]*://)?.*@", r"\1", text, flags=re.IGNORECASE | re.DOTALL)


def _url(part: str, text: str, heartbeat_s: int) -> URL:
    try:
        url = URL(part)
        is_usable = url.scheme in ("amqp", "amqps") and bool(url.host)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError(f"amqp: {RULE}; got {without_credentials(text)!r}")
    return url if "heartbeat" in url.query else url.update_query(heartbeat=str(heartbeat_s))
