"""GET /workers/attach as a WebSocket: workers connect out, and take and report the tasks of their agent over it."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from gateway.edge import Edge
from gateway.worker_frames import BadFrame

PATH = "/workers/attach"

router = APIRouter()


@router.websocket(PATH)
async def attach(socket: WebSocket) -> None:
    """The connection of one worker, from its AttachWorker to its end.

    Browsers say on whose behalf they connect, and any page could do it: they are refused.
    """
    edge: Edge | None = socket.app.state.edge
    if edge is None or edge.workers is None or "origin" in socket.headers:
        await socket.close(1008)
        return
    await socket.accept()
    with suppress(WebSocketDisconnect):
        await edge.workers.serve(_TextFrames(socket))


class _TextFrames:
    """The WebSocket, on which only text is spoken."""

    def __init__(self, socket: WebSocket) -> None:
        self.send_text = socket.send_text
        self.close = socket.close
        self._socket = socket

    async def receive_text(self) -> str:
        """The next frame. Raises BadFrame, or WebSocketDisconnect where the worker has gone."""
        try:
            return await self._socket.receive_text()
        except KeyError:
            raise BadFrame("frames must be text") from None
