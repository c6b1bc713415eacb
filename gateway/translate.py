"""Requests of every protocol to messages of the actors, by the same rules for all; pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from os import urandom
from typing import Any, Final, Literal, TypeAlias

from actors.messages.scheduler import SubmitTask
from actors.messages.scopes import broken_rule
from actors.messages.tasks import (
    ACTIVITY_NAME_LENGTH,
    DESCRIPTION_LENGTH,
    DESCRIPTION_WORDS,
    IMPLICIT_AGENT,
    Activity,
    Origin,
    TaskSpec,
)
from gateway.bad_request import (
    MAX_ID_LENGTH,
    BadRequest,
    MalformedJson,
    line_of,
    name_of,
    object_of,
    short_text_of,
    shown,
    url_of,
    whole_number_of,
)
from gateway.json_body import canonical, decode_json
from gateway.task_affinity import affinity_of
from gateway.task_features import features_of

__all__ = ["BadRequest", "MalformedJson", "build_submit", "digest_of", "parse_priority"]

PriorityOrder: TypeAlias = Literal["importance", "nice"]

LOWEST, HIGHEST = -19, 20
PRIORITY_NAMES: Final = {"low": -10, "normal": 0, "high": 10, "critical": 19}
DEFAULT_GRACE_S: Final = 30.0
MAX_GRACE_S: Final = 30 * 86_400
MAX_TIMEOUT_MS: Final = 30 * 86_400_000
ACTIVITY_FIELDS: Final = ("repo_id", "worktree_id", "branch", "description")


def parse_priority(value: object, order: PriorityOrder, field: str = "priority") -> int:
    """The priority as the actors count it: -19..20, higher is more important; None is 0.

    Names mean the same in both orders. Integers are turned round under `nice`, where -20 is the most
    important and 19 the least, so that exactly the same 40 levels can be said either way.
    """
    if value is None:
        return 0
    lowest, highest = levels(order)
    if isinstance(value, str) and value in PRIORITY_NAMES:
        return PRIORITY_NAMES[value]
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
        return value if order == "importance" else -value
    names = ", ".join(PRIORITY_NAMES)
    raise BadRequest(field, f"must be an integer from {lowest} to {highest} or one of {names}", value)


def levels(order: PriorityOrder) -> tuple[int, int]:
    """The lowest and the highest integer that a priority may be given as."""
    return (LOWEST, HIGHEST) if order == "importance" else (-HIGHEST, -LOWEST)


def digest_of(*parts: bytes | str) -> str:
    """A digest of the parts, 32 hex digits; where one part ends and the next begins counts."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def build_submit(
    *,
    task_id: str,
    now: float,
    order: PriorityOrder,
    origin: Origin,
    task_input: bytes,
    agent_id: object = None,
    model_name: object = None,
    metadata: bytes = b"{}",
    priority: object = None,
    scope: object = None,
    content_type: str = "application/json",
    id_is_fresh: bool = False,
    waits_for_instances: bool = False,
) -> SubmitTask:
    """The message that admits a task, the same whatever protocol it came by.

    `task_input` is kept as received. `agent_id`, `priority` and `scope` (None: not given) come before the
    fields of the same name in `metadata`. A task of an agent takes its model and its activity from its input, where
    that is a JSON object and they are not given otherwise; a task of no agent belongs to its model's, and has no
    activity. What predictions go by is taken from both (`task_features`).
    `now` in Unix seconds. Raises BadRequest, and MalformedJson where input or metadata are not JSON.
    """
    facts = _metadata(metadata)
    content, canonical_input = _content("task_input", task_input, content_type)
    params: Mapping[str, Any] = content if isinstance(content, dict) else {}
    agent = facts.get("agent_id") if agent_id is None else agent_id
    if agent is None:
        if model_name is None:
            raise BadRequest("model_name", "must be given for a task of no agent")
        model = name_of("model_name", model_name)
        agent, activity = IMPLICIT_AGENT + model, None
    else:
        agent = agent_name(agent, "agent_id" if agent_id is not None else "metadata.agent_id")
        model = _model_of(model_name, params)
        activity = _activity(facts, params)
    level = _priority(priority, facts, order)
    where = _scope(scope, facts)
    spec = TaskSpec(
        task_id=name_of("task_id", task_id),
        agent_id=agent,
        model_name=model,
        priority=level,
        submitted_at=now,
        digest=digest_of(model, agent, canonical_input, canonical(facts), str(level), where, content_type),
        origin=origin,
        scope=where,
        timeout_ms=_optional(facts, "timeout_ms", _timeout),
        callback_url=_optional(facts, "callback_url", url_of),
        activity=activity,
        features=features_of(facts, content),
        user_id=_user(facts),
        deadline_ms=_optional(facts, "deadline_ms", _timeout),
        affinity=affinity_of(facts),
    )
    return SubmitTask(spec, task_input, content_type, metadata, id_is_fresh, waits_for_instances)


def agent_name(value: object, field: str = "agent_id") -> str:
    """The value, where a client may name an agent so."""
    name = name_of(field, value)
    if name.startswith(IMPLICIT_AGENT):
        raise BadRequest(field, f"must not begin with {IMPLICIT_AGENT!r}, which is kept for tasks of no agent", name)
    return name


def is_json(content_type: str) -> bool:
    """Whether the MIME type says JSON: application/json or something+json."""
    media = content_type.partition(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json")


def grace_of(value: object, field: str = "grace_period_s", absent: float = DEFAULT_GRACE_S) -> float:
    """A grace in seconds; where it is not given, `absent`; 0 is now. Raises BadRequest."""
    if value is None:
        return absent
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_GRACE_S:
        raise BadRequest(field, f"must be a number of seconds from 0 to {MAX_GRACE_S}", value)
    return float(value)


def new_task_id(now: float) -> str:
    """An id that no task has yet. It begins with the time (ms), so that the store appends to its index."""
    return f"task-{int(now * 1000):012x}{urandom(10).hex()}"


def iso_timestamp(unix_s: float) -> str:
    """ISO 8601 in UTC with milliseconds: 2025-10-11T12:00:00.000Z."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _metadata(metadata: bytes) -> dict[str, Any]:
    return {} if metadata == b"{}" else object_of("metadata", decode_json(metadata))


def _content(field: str, body: bytes, content_type: str) -> tuple[Any, bytes]:
    """The body as a value (None where it is not JSON) and as what the digest is made of."""
    if not body or not is_json(content_type):
        return None, body
    try:
        value = decode_json(body)
    except ValueError as error:
        rule = f"must be JSON, as the content type {shown(content_type)} says ({error})"
        raise BadRequest(field, rule, body) from error
    return value, canonical(value)


def _model_of(model_name: object, params: Mapping[str, Any]) -> str:
    if model_name is not None:
        return name_of("model_name", model_name)
    named = params.get("model_name")
    return name_of("params.model_name", named) if named is not None else ""


def _priority(given: object, facts: Mapping[str, Any], order: PriorityOrder) -> int:
    if given is not None:
        return parse_priority(given, order)
    return parse_priority(facts.get("priority"), order, "metadata.priority")


def _scope(given: object, facts: Mapping[str, Any]) -> str:
    field, value = ("metadata.scope", facts.get("scope")) if given in (None, "") else ("scope", given)
    text = "" if value is None else line_of(field, value)
    rule = broken_rule(text)
    if rule:
        raise BadRequest(field, rule, text)
    return text


def _timeout(field: str, value: object) -> int:
    return whole_number_of(field, value, 1, MAX_TIMEOUT_MS)


def _optional(facts: Mapping[str, Any], name: str, check: Any) -> Any:
    value = facts.get(name)
    return None if value is None else check(f"metadata.{name}", value)


def _user(facts: Mapping[str, Any]) -> str:
    """Whom the task is for; free-form metadata may use the name for something else, so what is no id is passed over."""
    user = facts.get("user_id")
    if isinstance(user, int) and not isinstance(user, bool):
        user = str(user)
    return user if isinstance(user, str) and len(user) <= MAX_ID_LENGTH else ""


def _activity(facts: Mapping[str, Any], params: Mapping[str, Any]) -> Activity | None:
    """Free-form metadata may use these names for something else, so what is not a text is passed over."""
    found: dict[str, str] = {}
    for where, said in (("metadata", facts), ("params", params)):
        for name in ACTIVITY_FIELDS:
            value = said.get(name)
            if name not in found and isinstance(value, str) and value:
                found[name] = shown_text(f"{where}.{name}", name, value)
    return Activity(**found) if found else None


def shown_text(field: str, name: str, value: object) -> str:
    """The value, where the field `name` of an activity may be so. Raises BadRequest."""
    if name != "description":
        return short_text_of(field, value, ACTIVITY_NAME_LENGTH)
    text = short_text_of(field, value, DESCRIPTION_LENGTH)
    words = len(text.split())
    if words > DESCRIPTION_WORDS:
        raise BadRequest(field, f"must have at most {DESCRIPTION_WORDS} words, and has {words}", text)
    return text
