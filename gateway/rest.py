"""The REST application: every route of the integration guide and of this service, behind one front door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from gateway import (
    rest_activity,
    rest_agent_state,
    rest_agents,
    rest_dead,
    rest_errors,
    rest_explain,
    rest_instances,
    rest_notify,
    rest_service,
    rest_submit,
    rest_tasks,
    rest_workers,
)
from gateway.edge import Edge
from gateway.front_door import FrontDoor, Handler
from gateway.health import VERSION
from gateway.metrics import Metrics

ABOUT: Final = """Distributes tasks across TaskInstances. Every accepted task is recorded before the answer is given.

Times called `waiting_time_…`, `execution_time` and `…_ms` are milliseconds, `submit_time` and `at` Unix seconds."""

HANDLERS: Final[dict[tuple[str, str], Handler]] = {
    ("POST", "/queue/submit"): rest_submit.submit,
    ("POST", "/queue/submit_batch"): rest_submit.submit_batch,
    ("POST", "/notify/task_complete"): rest_notify.task_complete,
    ("GET", "/task/query"): rest_tasks.task_query,
}
"""What the front door answers itself."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class _Application(FastAPI):
    """FastAPI behind the front door: what comes before its routes costs about as much as all that a submit needs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.state.metrics = Metrics()
        self._front_door = FrontDoor(super().__call__, HANDLERS, self.state.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self._front_door(scope, receive, send)


def build_app(edge: Edge | None, lifespan: Lifespan | None = None) -> FastAPI:
    """The application on this edge; without one, on what `lifespan` puts into `app.state.edge`."""
    app = _Application(
        title="SwarmPilot Scheduler",
        version=VERSION,
        description=ABOUT,
        lifespan=lifespan or _nothing,
        redoc_url=None,
    )
    app.state.edge = edge
    for routes in (
        rest_service,
        rest_instances,
        rest_explain,
        rest_submit,
        rest_tasks,
        rest_notify,
        rest_agents,
        rest_activity,
        rest_dead,
        rest_workers,
    ):
        app.include_router(routes.router)
    app.include_router(rest_agent_state.router)  # the last, because an agent's id may hold slashes
    rest_errors.install(app)
    return app


@asynccontextmanager
async def _nothing(app: FastAPI) -> AsyncIterator[None]:
    yield
