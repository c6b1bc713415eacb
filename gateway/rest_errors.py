"""Everything that can go wrong with a REST request, as a status code and one readable text in `detail`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from traceback import format_exception
from typing import Any, Final

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from actors.errors import SwarmPilotError
from actors.messages.answers import RefusalCode, Refused
from gateway.bad_request import BadRequest, MalformedJson
from gateway.field_faults import described

RETRY_AFTER_S: Final = 1
"""What `Retry-After` says with every 503: by then a restarted broker or a drained process may be back."""

_STATUS_OF_REFUSAL: Final[dict[RefusalCode, int]] = {
    "no_instances": 503,
    "shutting_down": 503,
    "conflict": 409,
    "not_found": 404,
    "invalid": 422,
}

_log = structlog.get_logger("gateway.rest")


class Problem(HTTPException):
    """An answer that is not a success. `detail` is what the client reads."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail, {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None)


def problem_of(error: Exception) -> Problem:
    """The answer to a request that met this error; what nobody foresaw is logged and becomes a 500."""
    match error:
        case Problem():
            return error
        case HTTPException():
            return Problem(error.status_code, str(error.detail))
        case MalformedJson():
            return Problem(400, str(error))
        case BadRequest():
            return Problem(422, str(error))
        case SwarmPilotError():
            return Problem(503, f"{_sentence(error)}; try again")
        case _:
            # As text, because a renderer that shows locals would hold up the loop for seconds.
            _log.error("request failed", exception="".join(format_exception(error)))
            return Problem(500, "Internal error: the request was understood and could not be carried out")


def refusal(refused: Refused) -> Problem:
    """The answer to a request that an actor refused."""
    return Problem(_STATUS_OF_REFUSAL[refused.code], refused.reason)


def invalid_fields(errors: Iterable[Mapping[str, Any]]) -> Problem:
    """One text that names every offending field, its rule and what was got, from pydantic's errors."""
    return Problem(422, "; ".join(described(error) for error in errors))


def body_of(problem: Problem) -> bytes:
    """The JSON body of the answer: {"detail": text}."""
    return msgspec.json.encode({"detail": problem.detail})


def install(app: FastAPI) -> None:
    """Answer every error of the routes of `app` in this module's way."""
    for kind in (MalformedJson, BadRequest, SwarmPilotError, Exception):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(RequestValidationError, _answer_invalid)


async def _answer(request: Request, error: Exception) -> JSONResponse:
    problem = problem_of(error)
    return JSONResponse({"detail": problem.detail}, problem.status_code, headers=problem.headers)


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problem = invalid_fields(error.errors())
    return JSONResponse({"detail": problem.detail}, problem.status_code)


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:] if text else type(error).__name__
