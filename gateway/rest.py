"""The REST application: every route of the guide (seed 000) and of this service, behind one front door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from fastapi import FastAPI

from gateway import rest_agents, rest_errors, rest_instances, rest_notify, rest_service, rest_submit, rest_tasks
from gateway.edge import Edge
from gateway.front_door import FrontDoor, Handler
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


def build_app(edge: Edge | None, lifespan: Lifespan | None = None) -> FastAPI:
    """The application on this edge; without one, on what `lifespan` puts into `app.state.edge`."""
    app = FastAPI(
        title="SwarmPilot Scheduler",
        version=rest_service.VERSION,
        description=ABOUT,
        lifespan=lifespan or _nothing,
        redoc_url=None,
    )
    app.state.edge = edge
    app.state.metrics = Metrics()
    for routes in (rest_service, rest_instances, rest_submit, rest_tasks, rest_notify, rest_agents):
        app.include_router(routes.router)
    rest_errors.install(app)
    # Outside of FastAPI's own middleware, which alone costs about as much as all that a submit needs here.
    app.middleware_stack = FrontDoor(app.build_middleware_stack(), HANDLERS, app.state.metrics)
    return app


@asynccontextmanager
async def _nothing(app: FastAPI) -> AsyncIterator[None]:
    yield
