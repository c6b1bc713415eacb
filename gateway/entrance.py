"""Where clients of a gateway come in as soon as it is up: before it serves, they hear that it is starting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from actors.settings import Settings
from gateway.edge import ServiceStatus
from gateway.health import shown
from gateway.rest_errors import Problem, body_of

STARTING: Final = Problem(503, "The service is starting; try again")
TRY_AGAIN_LATER: Final = 1013
"""WebSocket's code for it."""


class Entrance:
    """An ASGI application, which is another one as soon as that is there."""

    def __init__(self, status: Callable[[], ServiceStatus], settings: Settings) -> None:
        self._status = status
        self._settings = settings
        self._inside: ASGIApp | None = None

    def open(self, inside: ASGIApp) -> None:
        """Let everybody in from now on."""
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._inside is not None:
            await self._inside(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": STARTING.detail})
        else:
            await self._send_away(scope["path"], send)

    async def _send_away(self, path: str, send: Send) -> None:
        """Not possible now; who asks for the health hears why."""
        if path == "/health":
            body = msgspec.json.encode(shown(self._status(), self._settings).model_dump(mode="json"))
        else:
            body = body_of(STARTING)
        extra = [(name.lower().encode(), value.encode()) for name, value in (STARTING.headers or {}).items()]
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *extra]
        await send({"type": "http.response.start", "status": STARTING.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": body})
