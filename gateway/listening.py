"""A TCP port to listen on, or a clear word why it cannot be had."""

from __future__ import annotations

import socket


def listen(host: str, port: int, what: str = "") -> socket.socket:
    """A socket that listens there; who connects waits. Raises OSError with the address, `what` it is for, and why."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()  # only who listens has the port to itself
    except OSError as error:
        listening.close()
        raise OSError(f"cannot listen on {shown_address(host, port)}{what}: {reason(error)}") from error
    return listening


def shown_address(host: str, port: int) -> str:
    """host:port, an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reason(error: OSError) -> str:
    """The system's words for what went wrong, in the middle of a sentence."""
    words = error.strerror or str(error)
    return words[:1].lower() + words[1:]
