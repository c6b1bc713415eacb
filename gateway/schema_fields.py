"""The kinds of fields that requests are made of, each with its rule and its place in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.bad_request import MAX_ID_LENGTH, BadRequest, name_of
from gateway.translate import HIGHEST, LOWEST, PRIORITY_NAMES


class Request(BaseModel):
    """A request body: types are taken as they are sent, never converted; fields nobody knows are passed over."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class ExactRequest(Request):
    """One where a field nobody knows is refused: misspelt, it would be done otherwise than asked for."""

    model_config = ConfigDict(extra="forbid")


class Response(BaseModel):
    """A response body."""


def _named(text: str) -> str:
    try:
        return name_of("", text)
    except BadRequest as error:
        raise PydanticCustomError("name", "{rule}", {"rule": error.rule}) from None


Name = Annotated[
    str,
    AfterValidator(_named),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH}),
]
"""An id or a name: 1 to 255 characters, no control characters."""

Host = Annotated[
    str,
    Field(min_length=1, max_length=MAX_ID_LENGTH, pattern=r"^[^\s/?#@\\]+$"),
]
"""A host name or an IP address."""

Port = Annotated[int, Field(ge=1, le=65535)]

Priority = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": -HIGHEST, "maximum": HIGHEST},
                {"type": "string", "enum": list(PRIORITY_NAMES)},
                {"type": "null"},
            ]
        }
    ),
]
"""Checked in `translate`, for all protocols by the same rule."""

PRIORITY_TEXT = (
    f"Importance, an integer from {LOWEST} to {HIGHEST} (higher is more important; the other way round on a server "
    "with PRIORITY_ORDER=nice, see /health) or low, normal, high, critical (-10, 0, 10, 19). Default 0."
)

SCOPE_TEXT = (
    "What the task touches: segments separated by `.` or `/`, several scopes by commas, `*` for any one segment. "
    "Two tasks whose scopes overlap (the same, or one above the other) never run at the same time; the later one waits."
)
