"""The OpenAPI document says everything: every path of the guide, every field with its meaning and its unit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from actors.addresses import SCHEDULER
from actors.messages.scheduler import SetStrategy
from actors.scheduler.order_names import ORDERS
from actors.scheduler.strategies import STRATEGIES
from gateway.rest import HANDLERS, build_app
from gateway.schemas_service import ORDERS as DOCUMENTED_ORDERS
from gateway.schemas_service import STRATEGIES as DOCUMENTED_STRATEGIES
from tests.embedded import Embedded, embedded, instance, until
from tests.rest_client import Document, Rest, rest_client
from tests.silent_instance import silent_instance

DOCUMENT = Document(build_app(None).openapi())
SCHEMAS = cast("dict[str, dict[str, Any]]", DOCUMENT.document["components"]["schemas"])
OPERATIONS = [(method, path) for method, path, _ in DOCUMENT.operations()]

# Source: the guide, "API Reference": method, path, fields of the request, fields of the answer.
GUIDE = [
    ("GET", "/health", set(), {"status", "service", "version"}),
    ("POST", "/ti/register", {"host", "port", "model_name"}, {"status", "message", "ti_uuid"}),
    ("POST", "/ti/remove", {"host", "port"}, {"status", "message", "host", "port", "ti_uuid"}),
    ("POST", "/queue/submit", {"model_name", "task_input", "metadata"}, {"status", "task_id", "scheduled_ti"}),
    ("GET", "/queue/info", set(), {"status", "queues"}),
    (
        "GET",
        "/task/query",
        set(),
        {"task_id", "task_status", "scheduled_ti", "submit_time", "result"},
    ),
    (
        "POST",
        "/notify/task_complete",
        {"task_id", "instance_id", "execution_time", "result"},
        {"status", "message", "total_time_ms"},
    ),
]  # fmt: skip

UNITS = re.compile(
    r"milliseconds|[Ss]econds|Unix|[Nn]umber|[Pp]ort|HTTP status|Importance|bytes|Tasks it runs at once|attempt"
)


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    """(Schema.field, its schema) of every field of every body, and of every parameter."""
    for name, schema in SCHEMAS.items():
        for field, described in schema.get("properties", {}).items():
            yield f"{name}.{field}", described
    for _, path, operation in DOCUMENT.operations():
        for parameter in operation.get("parameters", []):
            yield f"{path}?{parameter['name']}", parameter


def is_number(schema: dict[str, Any]) -> bool:
    kinds = [schema.get("type"), *(option.get("type") for option in schema.get("anyOf", []))]
    return "number" in kinds or "integer" in kinds


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def test_the_document_is_one() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("method", "path", "asked", "answered"), GUIDE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_guides_endpoints_with_their_fields(method: str, path: str, asked: set[str], answered: set[str]) -> None:
    operation = DOCUMENT.document["paths"][path][method.lower()]
    if asked:
        body = resolved(operation["requestBody"]["content"]["application/json"]["schema"])
        assert asked <= set(body["properties"])
    answer = resolved(operation["responses"]["200"]["content"]["application/json"]["schema"])
    assert answered <= set(answer["required"])


def test_every_field_says_what_it_is_and_every_number_its_unit() -> None:
    found = list(fields())
    assert len(found) > 80
    assert [name for name, schema in found if not schema.get("description")] == []
    assert [name for name, s in found if is_number(s) and not UNITS.search(s["description"])] == []


def test_every_example_fits_its_schema() -> None:
    for name, schema in fields():
        for example in schema.get("examples", []):
            checked = {"components": DOCUMENT.document["components"], **schema}
            assert Draft202012Validator(checked).is_valid(example), (name, example)


def test_every_operation_has_a_summary_and_documents_its_errors() -> None:
    for method, path, operation in DOCUMENT.operations():
        assert operation["summary"], (method, path)
        assert {"422", "503"} <= set(operation["responses"]), (method, path)


def test_what_the_front_door_answers_is_documented() -> None:
    assert set(HANDLERS) <= set(OPERATIONS)


def test_the_documented_strategies_are_those_of_the_scheduler() -> None:
    assert [strategy.name for strategy in DOCUMENTED_STRATEGIES] == list(STRATEGIES)
    assert [order.name for order in DOCUMENTED_ORDERS] == list(ORDERS)


async def look_at_the_dead(rest: Rest, service: Embedded) -> None:
    """The same of dead letters, of which there is one then: what the scheduler cannot cope with."""
    await service.service.edge.asker.ask(SCHEDULER, SetStrategy(name=cast(Any, None)))

    async def look() -> str | None:
        letters = (await rest.get("/dead")).body["letters"]
        return str(letters[0]["id"]) if letters else None

    letter_id = await until(look, "dead letter")
    await rest.get(f"/dead/{letter_id}")
    await rest.post(f"/dead/{letter_id}/replay", {})


async def walk(rest: Rest, port: int) -> None:
    """Ask everything that is documented, successfully; the client checks each answer against the document."""
    register = {"host": "127.0.0.1", "port": port, "model_name": "other"}
    await rest.post("/ti/register", register)
    await rest.post("/ti/remove", register)
    await rest.submit("gpt", {"prompt": "x"}, task_id="t", metadata={"priority": "low", "branch": "main"})
    await rest.post("/queue/submit_batch", {"model_name": "gpt", "tasks": [{"task_input": {}}]})
    notify = {"task_id": "t", "instance_id": "i", "execution_time": 2.5, "result": {"ok": True}}
    await rest.post("/notify/task_complete", notify)
    yielded = {"task_id": "t", "attempt": 1, "resumption": 2, "execution_time": 2.5, "checkpoint": {"step": 1}}
    await rest.post("/notify/task_yielded", yielded)
    await rest.post("/scheduler/set", {"name": "round_robin"})
    await rest.post("/agents/w/tasks", {"params": {"description": "d"}})
    await rest.post("/agents/w/tasks/t/preempt", {"reason": "urgent", "grace_s": 1.5})
    await rest.post("/agents/w/shutdown", {})
    await rest.post("/agents/w/activity/purge", {})
    await rest.get("/agents")
    await rest.get("/agents/w")
    for path in ("/health", "/queue/info", "/scheduler/strategies", "/metrics", "/agents/w/activity"):
        await rest.get(path)
    for path in ("/activity", "/activity/history"):
        await rest.get(path)
    async with rest.events("/activity/stream") as events:
        await events.next()
    for path in ("/task/query", "/task/story", "/queue/explain"):
        await rest.get(path, task_id="t")


def test_every_operation_answers_as_documented() -> None:
    async def run() -> None:
        async with embedded() as service, rest_client(service.url) as rest, silent_instance() as silent:
            async with instance(service, "gpt") as steered:
                await walk(rest, silent.port)
                await look_at_the_dead(rest, service)
                steered.gate.set()
            assert {(method, path) for method, path, status in rest.seen if status == 200} == set(OPERATIONS)

    asyncio.run(run())
