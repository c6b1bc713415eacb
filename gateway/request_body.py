"""Request bodies in bounded memory: counted while they arrive, whether or not their length was announced."""

from __future__ import annotations

from starlette.types import Message, Receive, Scope

from gateway.rest_errors import Problem


class ClientLeft(Exception):
    """The client closed the connection before its request was complete; nobody waits for an answer."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises Problem (413) beyond `limit` bytes, ClientLeft where it never ends."""
    refuse_announced(scope, limit)
    take = counted(receive, limit)
    message = await take()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body"):
        return body
    parts = [body]
    while message["type"] == "http.request" and message.get("more_body"):
        message = await take()
        parts.append(message.get("body", b""))
    if message["type"] != "http.request":
        raise ClientLeft
    return b"".join(parts)


def counted(receive: Receive, limit: int) -> Receive:
    """`receive`, raising Problem (413) once more than `limit` bytes of body have come."""
    taken = 0

    async def take() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _too_large(limit)
        return message

    return take


def refuse_announced(scope: Scope, limit: int) -> None:
    """Raises Problem (413) where `Content-Length` is already beyond the limit."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            if int(value) > limit:
                raise _too_large(limit)
            return


def _too_large(limit: int) -> Problem:
    return Problem(413, f"the request body must not be larger than {limit} bytes")
