"""What pydantic finds wrong with a field, in the service's words: the field, what it must be, and what was got."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.bad_request import Absent, shown

_SHOULD = re.compile(r"^(Input|String|List|Value|Dictionary|Tuple|Set|URL|Object) should ")
RULES: Final = {
    "missing": "must be given",
    "extra_forbidden": "must not be given: nothing is known by this name",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "int_parsing": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "dict_type": "must be a JSON object",
    "list_type": "must be a JSON array",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "finite_number": "must be a finite number",
}


def described(fault: Mapping[str, Any], rules: Mapping[str, str] = RULES) -> str:
    """One of `ValidationError.errors()` as "field `x`: must be …; got …"; `rules` are by pydantic's error types."""
    return f"field `{_path(fault['loc'])}`: {rule_and_value(fault, rules)}"


def rule_and_value(fault: Mapping[str, Any], rules: Mapping[str, str] = RULES) -> str:
    """The same without the field: "must be …; got …"."""
    kind = str(fault["type"])
    if kind in ("too_short", "too_long"):
        return _length(fault, kind)
    rule = rules.get(kind) or _SHOULD.sub("must ", str(fault["msg"])).removeprefix("Value error, ")
    return f"{rule}; got {shown(Absent.FIELD if kind == 'missing' else fault.get('input'))}"


def _length(fault: Mapping[str, Any], kind: str) -> str:
    limits = fault["ctx"]
    rule = (
        f"at least {_items(limits['min_length'])}" if kind == "too_short" else f"at most {_items(limits['max_length'])}"
    )
    return f"must have {rule}; got {_items(len(fault['input']))}"


def _items(count: int) -> str:
    return f"{count} item" if count == 1 else f"{count} items"


def _path(location: Sequence[str | int]) -> str:
    parts = [str(part) for part in location]
    if len(parts) > 1 and parts[0] in ("body", "query", "path"):
        parts = parts[1:]
    return ".".join(parts) or "body"
