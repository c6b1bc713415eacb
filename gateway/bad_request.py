"""What is wrong with a request, said so that its author can mend it: the field, the rule, and what was got."""

from __future__ import annotations

import re
from enum import Enum
from reprlib import Repr
from typing import Any, Final
from urllib.parse import urlsplit

MAX_ID_LENGTH: Final = 255
MAX_URL_LENGTH: Final = 2048
SHOWN: Final = 120
"""Characters of an offending value that a text shows at most."""

# C0 and C1 control characters and lone surrogates: none of them survives logs, headers and file names.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_IN_URL = re.compile("[\x00-\x20\x7f-\x9f\ud800-\udfff]")


# Bounded in every direction, so that showing ten megabytes of nonsense costs nothing.
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 2 * SHOWN


class Absent(Enum):
    """The one value that stands for a field that was not sent at all."""

    FIELD = "nothing"


class BadRequest(ValueError):
    """The request breaks a rule. `field` is a dotted path, `rule` reads after "must", `got` is the value sent."""

    def __init__(self, field: str, rule: str, got: object = Absent.FIELD) -> None:
        super().__init__(f"field `{field}`: {rule}; got {shown(got)}")
        self.field = field
        self.rule = rule
        self.got = got


class MalformedJson(ValueError):
    """The body is not a JSON document that this service takes; the text says what and where."""


def shown(got: object) -> str:
    """The value as a text shows it: on one line, cut where it is long."""
    if got is Absent.FIELD:
        return "nothing"
    text = _SHORT.repr(got[: SHOWN + 1] if isinstance(got, str | bytes) else got)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def text_of(field: str, value: object) -> str:
    """The value, where it is a string."""
    if not isinstance(value, str):
        raise BadRequest(field, "must be a string", value)
    return value


def short_text_of(field: str, value: object, longest: int) -> str:
    """The value, where it is a string of at most `longest` characters."""
    text = text_of(field, value)
    if len(text) > longest:
        raise BadRequest(field, f"must be at most {longest} characters long", text)
    return text


def name_of(field: str, value: object) -> str:
    """The value, where it can name something: an id, a model, an agent."""
    text = text_of(field, value)
    if not text or len(text) > MAX_ID_LENGTH:
        raise BadRequest(field, f"must be 1 to {MAX_ID_LENGTH} characters long", text)
    if _CONTROL.search(text):
        raise BadRequest(field, "must not contain control characters", text)
    return text


def line_of(field: str, value: object) -> str:
    """The value, where it is a possibly empty text without control characters, at most as long as an id."""
    return "" if value == "" else name_of(field, value)


def whole_number_of(field: str, value: object, lowest: int, highest: int) -> int:
    """The value, where it is an integer from `lowest` to `highest`; true and 5.0 are none."""
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise BadRequest(field, f"must be an integer from {lowest} to {highest}", value)
    return value


def url_of(field: str, value: object) -> str:
    """The value, where it is an http or https URL with a host."""
    text = text_of(field, value)
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or _NOT_IN_URL.search(text):
        raise BadRequest(field, "must be an http or https URL with a host, such as http://host:8080/done", text)
    if len(text) > MAX_URL_LENGTH:
        raise BadRequest(field, f"must be at most {MAX_URL_LENGTH} characters long", text)
    return text


def object_of(field: str, value: object) -> dict[str, Any]:
    """The value, where it is a JSON object."""
    if not isinstance(value, dict):
        raise BadRequest(field, "must be a JSON object", value)
    return value
