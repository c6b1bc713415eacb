"""FastAPI routes with our JSON rules: strict syntax, bounded nesting, whatever content type the client names."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders

from gateway.bad_request import MalformedJson
from gateway.json_body import decode_json
from gateway.rest_errors import Problem
from gateway.schemas_service import Problem as ProblemBody

ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ProblemBody, "description": "The body is not JSON, or nested too deeply."},
    413: {"model": ProblemBody, "description": "The body is too large."},
    422: {"model": ProblemBody, "description": "A field is missing, of the wrong type or against its rule."},
    500: {"model": ProblemBody, "description": "The service failed."},
    503: {"model": ProblemBody, "description": "Not possible now; `Retry-After` says in how many seconds to retry."},
}
NOT_FOUND: Final[dict[int | str, dict[str, Any]]] = {
    404: {"model": ProblemBody, "description": "There is no such task."}
}
CONFLICT: Final[dict[int | str, dict[str, Any]]] = {
    409: {"model": ProblemBody, "description": "The task_id was used before for other content."}
}


class StrictRequest(Request):
    """A request whose body is JSON by our rules."""

    @property
    def headers(self) -> Headers:
        """The headers as sent, but for the content type: `curl -d` says it is a form, and means JSON."""
        headers = MutableHeaders(raw=list(self.scope["headers"]))
        headers["content-type"] = "application/json"
        return headers

    async def json(self) -> Any:
        """The body. Raises Problem (400)."""
        try:
            return decode_json(await self.body())
        except MalformedJson as error:
            raise Problem(400, str(error)) from None


class StrictRoute(APIRoute):
    """A route that reads its body by StrictRequest."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strict
