"""The HTTP endpoints of an instance: what the scheduler calls, and what a curious person may look at."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from aiohttp import web

from swarmpilot.instance.ledger import Taking
from swarmpilot.instance.pushes import BadPush, Push, YieldRequest, read_push, read_yield_request
from swarmpilot.instance.runner import Noted, Yielded

_ENCODER = msgspec.json.Encoder()
MAX_BODY_BYTES = 64 * 1024 * 1024


class Handlers(Protocol):
    """What the endpoints need of an instance."""

    @property
    def takes_tasks(self) -> bool:
        """Whether a push may still be taken."""

    def take(self, push: Push) -> Taking:
        """Take a push; it is run once."""

    @property
    def preemptible(self) -> bool:
        """Whether its tasks give way."""

    def cancel(self, task_id: str, key: str | None = None) -> bool:
        """Stop the run with this key, without one the whole task; False where it is not held."""

    def preempt(self, task_id: str, key: str | None, request: YieldRequest) -> Noted | Yielded | None:
        """Ask the run with this key, without one the whole task, to give way; None where it is not held."""

    def describe(self) -> dict[str, Any]:
        """The body of /info."""


def build_app(instance: Handlers) -> web.Application:
    """The application with all endpoints."""

    async def submit(request: web.Request) -> web.Response:
        try:
            push = read_push(await request.read(), request.headers.get("Idempotency-Key"))
        except BadPush as refusal:
            return _json(400, {"status": "error", "detail": str(refusal)})
        if not instance.takes_tasks:
            return _json(503, {"status": "error", "detail": "the instance is stopping"})
        instance.take(push)
        return _json(200, {"status": "success", "task_id": push.task_id})

    async def cancel(request: web.Request) -> web.Response:
        task_id = request.match_info["task_id"]
        if instance.cancel(task_id, request.headers.get("Idempotency-Key")):
            return _json(200, {"status": "success", "task_id": task_id})
        return _not_held(task_id)

    async def preempt(request: web.Request) -> web.Response:
        task_id = request.match_info["task_id"]
        try:
            asked = read_yield_request(await request.read())
        except BadPush as refusal:
            return _json(400, {"success": False, "detail": str(refusal)})
        if not instance.preemptible:
            return _json(501, {"success": False, "detail": "the tasks of this instance do not give way"})
        match instance.preempt(task_id, request.headers.get("Idempotency-Key"), asked):
            case Noted(section, deferred_ms):
                kept = {"section": section, "deferred_ms": deferred_ms} if section else {}
                return _json(202, {"success": True, "task_id": task_id, **kept})
            case Yielded(checkpoint, execution_ms):
                left = {"checkpoint": msgspec.Raw(checkpoint), "execution_time": execution_ms}
                return _json(200, {"success": True, "task_id": task_id, **left})
            case None:
                return _not_held(task_id)

    async def info(request: web.Request) -> web.Response:
        return _json(200, instance.describe())

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_post("/queue/submit", submit)
    app.router.add_post("/task/{task_id}/cancel", cancel)
    app.router.add_post("/task/{task_id}/preempt", preempt)
    app.router.add_get("/info", info)
    app.router.add_get("/status", info)
    return app


def _not_held(task_id: str) -> web.Response:
    return _json(404, {"status": "error", "task_id": task_id, "detail": f"Task {task_id} is not held here"})


def _json(status: int, body: object) -> web.Response:
    return web.Response(status=status, body=_ENCODER.encode(body), content_type="application/json")
