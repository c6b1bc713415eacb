"""Loopback ports for servers that have to come back on the same one, though others run tests beside us."""

from __future__ import annotations

import os
import random
import socket

BELOW_OUTGOING = range(12_000, 32_000)
"""Linux takes the near ends of connections from 32768 on: a port that is given up for a moment stays ours."""

STRIPES = 16
"""Every process that runs tests has ports of its own, so that two never choose the same."""

_given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on now, and that nobody else is given."""
    stripe = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % STRIPES
    while True:
        port = random.choice(BELOW_OUTGOING[stripe::STRIPES])
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
