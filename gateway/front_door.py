"""Where every HTTP request comes in: bodies are bounded, requests counted, and the busiest paths answered at once.

A route of FastAPI costs more than all of our own work on a submit. The paths in `handlers` are therefore
answered here; their routes exist as well, for the OpenAPI document and for the right answer to other methods.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import TypeAlias

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.edge import Edge
from gateway.metrics import Metrics
from gateway.request_body import ClientLeft, counted, read_body, refuse_announced
from gateway.rest_errors import Problem, body_of, problem_of

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Handler: TypeAlias = Callable[[Edge, bytes, bytes], Awaitable[bytes]]
"""(edge, query string, body) -> the JSON text of a 200. Raises what `problem_of` understands."""


class FrontDoor:
    """ASGI middleware in front of the whole application."""

    def __init__(self, app: ASGIApp, handlers: Mapping[tuple[str, str], Handler], metrics: Metrics) -> None:
        self._app = app
        self._handlers = handlers
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        method = scope["method"]
        handler = self._handlers.get((method, path))
        try:
            if handler is None:
                status = await self._pass_on(scope, receive, send)
                path = getattr(scope.get("route"), "path", "unknown")
                method = method if method in _METHODS else "other"
            else:
                status = await _answer(handler, scope, receive, send)
        except ClientLeft:
            return
        self._metrics.count_request(method, path, status, perf_counter() - started)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> int:
        status, complete = 0, False

        async def noted(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                complete = not message.get("more_body", False)
            await send(message)

        try:
            limit = edge_of_scope(scope).settings.max_body_bytes
            refuse_announced(scope, limit)
            await self._app(scope, counted(receive, limit), noted)
        except Exception as error:
            if status and not complete:
                raise  # half an answer is out already: only a broken connection can say so
            if not status:
                await _send_problem(problem_of(error), noted)
        return status


async def edge_of(request: Request) -> Edge:
    """The edge that this request's application was given, for FastAPI's dependencies."""
    return edge_of_scope(request.scope)


def edge_of_scope(scope: Scope) -> Edge:
    """The edge that the application was given. Raises Problem (503) while the service starts."""
    edge: Edge | None = scope["app"].state.edge
    if edge is None:
        raise Problem(503, "The service is starting; try again")
    return edge


async def _answer(handler: Handler, scope: Scope, receive: Receive, send: Send) -> int:
    try:
        edge = edge_of_scope(scope)
        body = await read_body(scope, receive, edge.settings.max_body_bytes)
        answer = await handler(edge, scope["query_string"], body)
    except ClientLeft:
        raise
    except Exception as error:
        problem = problem_of(error)
        await _send_problem(problem, send)
        return problem.status_code
    await _send(200, answer, [], send)
    return 200


async def _send_problem(problem: Problem, send: Send) -> None:
    extra = [(name.lower().encode(), value.encode()) for name, value in (problem.headers or {}).items()]
    await _send(problem.status_code, body_of(problem), extra, send)


async def _send(status: int, body: bytes, extra: list[tuple[bytes, bytes]], send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
