"""The AsyncAPI document says what the code does: names, fields, examples, exchanges, queues."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import aiormq
import jsonschema
import msgspec
import pytest
import yaml
from msgspec.structs import fields, replace

from actors import announcing
from actors.addresses import Address, Kind, ReturnAddress, queue_of, worker
from actors.envelope import Envelope
from actors.envelope_json import BUNDLE_TYPE, encode_envelope, join_envelopes
from actors.messages import answers
from actors.messages.dispatcher import Report, ReportProgress, ReportYield
from actors.messages.scheduler import AttachWorker, DetachWorker
from actors.messages.tasks import ACTIVITY_NAME_LENGTH, DESCRIPTION_LENGTH, SECTION_MS, Activity
from actors.messages.worker import LeaveAgent, PingWorker, StartTask, StopTask, YieldTask
from actors.task_lifecycle import TaskState
from gateway.bad_request import BadRequest
from gateway.translate_amqp import COMMANDS, command_from_amqp
from rabbitmq import dead_letters, topology
from rabbitmq.codec import answer_json
from swarmpilot.worker import amqp
from tests.contracts.broker_rigs import RabbitRig
from tests.rabbit_server import RabbitServer

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docs/asyncapi.yaml").read_text())
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
ANSWERS = {type_.__name__: type_ for type_ in get_args(answers.Answer)}

FIELD_TYPES: dict[str, str | list[str]] = {
    "str": "string", "bytes": "string", "int": "integer", "float": "number", "bool": "boolean",
    "float | None": ["number", "null"], "Activity | None": ["object", "null"],
}  # fmt: skip
SPOKEN_WITH_WORKERS: list[type] = [
    StartTask, YieldTask, StopTask, LeaveAgent, PingWorker,
    answers.TaskTaken, answers.YieldNoted, answers.TaskStopped, answers.WorkerAlive, answers.WorkerLeaving,
    Report, ReportYield, ReportProgress,
]  # fmt: skip

FIELD_SAMPLES: dict[str, Any] = {
    "tuple[str, ...]": ("x",),
    "str": "x",
    "bool": True,
    "int": 1,
    "float": 1.5,
    "str | None": None,
}


def payload(message: str) -> dict[str, Any]:
    """The schema of a message's body, with what it refers to."""
    return {**MESSAGES[message]["payload"], "components": DOCUMENT["components"]}


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def sample(type_: type, **given: Any) -> Any:
    """An answer with something in every field."""
    values = {
        field.name: given[field.name] if field.name in given else FIELD_SAMPLES[type_.__annotations__[field.name]]
        for field in fields(type_)
    }
    return type_(**values)


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_the_commands_are_those_that_are_translated_field_by_field() -> None:
    assert set(DOCUMENT["channels"]["commands"]["messages"]) == set(COMMANDS)
    for command, names in COMMANDS.items():
        assert set(payload(command)["properties"]) == {"type", *names}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_commands_are_valid_by_schema_and_code(command: str) -> None:
    for example in MESSAGES[command]["examples"]:
        jsonschema.validate(example["payload"], payload(command))
        assert type(command_from_amqp(json.dumps(example["payload"]).encode(), {})).__name__ == command


@pytest.mark.parametrize("command", COMMANDS)
def test_exactly_the_required_fields_are_required_by_the_code(command: str) -> None:
    [example] = MESSAGES[command]["examples"]
    needed = set(payload(command)["required"])
    if command == "SubmitTask":
        needed.add("model_name")  # this example has no agent
    for name in example["payload"]:
        body = json.dumps({key: value for key, value in example["payload"].items() if key != name}).encode()
        if name in needed:
            with pytest.raises(BadRequest, match=name):
                command_from_amqp(body, {})
        else:
            command_from_amqp(body, {})


def test_a_task_of_an_agent_needs_no_model() -> None:
    for task in ({"agent_id": "worker-1"}, {"metadata": {"agent_id": "worker-1"}}):
        command = {"type": "SubmitTask", "task_input": {}, **task}
        jsonschema.validate(command, payload("SubmitTask"))
        command_from_amqp(json.dumps(command).encode(), {})


@pytest.mark.parametrize("name", DOCUMENT["channels"]["answers"]["messages"])
def test_answers_have_exactly_the_documented_fields(name: str) -> None:
    schema = payload(name)
    assert set(schema["required"]) == set(schema["properties"]) == {"type", *(f.name for f in fields(ANSWERS[name]))}
    queue = sample(answers.QueueOfInstance, condition="up")
    answer = sample(ANSWERS[name], code="invalid", queues=(queue,))
    jsonschema.validate(json.loads(answer_json(answer)), schema)


def test_the_fields_of_an_instance_and_the_codes_of_a_refusal_are_all_there() -> None:
    described = DOCUMENT["components"]["schemas"]["QueueOfInstance"]
    names = {field.name for field in fields(answers.QueueOfInstance)}
    assert set(described["required"]) == set(described["properties"]) == names
    assert payload("Refused")["properties"]["code"]["enum"] == list(get_args(answers.RefusalCode))
    assert described["properties"]["condition"]["enum"] == list(get_args(answers.InstanceCondition))


def test_what_is_said_to_and_by_workers_has_exactly_the_documented_fields() -> None:
    channels = DOCUMENT["channels"]
    documented = {name for channel in ("workers", "workerAnswers", "reports") for name in channels[channel]["messages"]}
    assert documented == {type_.__name__ for type_ in SPOKEN_WITH_WORKERS}
    for type_ in SPOKEN_WITH_WORKERS:
        schema = MESSAGES[type_.__name__]
        assert schema["contentType"] == BUNDLE_TYPE
        described = schema["payload"]["properties"]
        assert {name: one["type"] for name, one in described.items()} == {
            field.name: FIELD_TYPES[type_.__annotations__[field.name]] for field in fields(type_)
        }
        needed = {field.name for field in fields(type_) if field.required}
        assert set(schema["payload"].get("required", ())) == needed
    activity = MESSAGES["ReportProgress"]["payload"]["properties"]["activity"]["properties"]
    assert {name: one["maxLength"] for name, one in activity.items()} == {
        field.name: DESCRIPTION_LENGTH if field.name == "description" else ACTIVITY_NAME_LENGTH
        for field in fields(Activity)
    }
    assert MESSAGES["YieldNoted"]["payload"]["properties"]["deferred_ms"]["maximum"] == SECTION_MS


def test_a_bundle_is_as_documented() -> None:
    to = worker("w")
    asked = Envelope("c", to, PingWorker(), ReturnAddress(Address("gateway", "g"), "c"))
    answered = Envelope("c", Address("gateway", "g"), answers.WorkerAlive(1.0, 0))
    body = json.loads(join_envelopes([encode_envelope(asked), encode_envelope(answered)]))
    schema = DOCUMENT["components"]["schemas"]["Bundle"]
    jsonschema.Draft202012Validator(schema).validate(body)
    assert schema["items"]["prefixItems"][1]["enum"] == list(get_args(Kind))
    assert queue_of(to, 1) == DOCUMENT["channels"]["workers"]["address"].format(worker_id="w")
    assert queue_of(answered.to, 1) == DOCUMENT["channels"]["workerAnswers"]["address"].format(gateway="g")


def test_the_librarys_worker_attaches_as_documented() -> None:
    assert amqp.COMMANDS == topology.COMMANDS
    attach, detach = AttachWorker("", "w", "a", 2, "i"), DetachWorker("w")
    for message in (attach, detach):
        jsonschema.validate(json.loads(amqp.command_of(message)), payload(type(message).__name__))
    meant = command_from_amqp(amqp.command_of(attach), {})
    assert isinstance(meant, AttachWorker)
    assert meant == replace(attach, ti_uuid=meant.ti_uuid)
    assert command_from_amqp(amqp.command_of(detach), {}) == detach


def test_facts_are_as_the_actors_announce_them() -> None:
    schema = DOCUMENT["components"]["schemas"]["TaskFact"]
    assert set(schema["properties"]) == {"task_id", "agent_id", "at", *announcing.SHOWN}
    states = [state.value for state in TaskState]
    assert schema["properties"]["state"]["enum"] == states
    assert DOCUMENT["channels"]["events"]["parameters"]["state"]["enum"] == states

    columns = {"state": TaskState.FAILED, "execution_ms": None, "error": "e", "error_code": "c", "ended_at": 1.0}
    fact = announcing.Fact("agent-0", "t", "a.b", 1.5, columns)
    [(_, announcement)] = announcing.announcements([fact], lambda _: "id")
    jsonschema.validate(msgspec.json.decode(announcement.body), payload("TaskFacts"))
    address = DOCUMENT["channels"]["events"]["address"]
    assert announcement.topic == address.format(state="failed", agent="a_b")


def test_names_and_headers_are_those_of_the_topology() -> None:
    channels = DOCUMENT["channels"]
    exchanges = {name: channels[name]["bindings"]["amqp"]["exchange"]["name"] for name in ("commands", "events")}
    assert exchanges == {"commands": topology.COMMANDS, "events": topology.EVENTS}
    assert channels["deadLetters"]["address"] == topology.DEAD_LETTERS
    headers = MESSAGES["DeadLetter"]["headers"]
    assert set(headers["required"]) == {dead_letters.REASON, dead_letters.QUEUE}
    assert headers["properties"]["x-reason"]["maxLength"] == dead_letters.LONGEST_REASON


def test_rabbitmq_has_the_documented_exchanges_and_queue(rabbit: RabbitServer) -> None:
    async def compare() -> None:
        broker = RabbitRig(rabbit).broker()
        await broker.open()
        await broker.close()
        connection = await aiormq.connect(rabbit.url)
        channel = await connection.channel()
        for name in ("commands", "events"):
            described = DOCUMENT["channels"][name]["bindings"]["amqp"]["exchange"]
            # Declaring what exists is refused unless type and durability are the same.
            await channel.exchange_declare(
                described["name"], exchange_type=described["type"], durable=described["durable"]
            )
        queue = DOCUMENT["channels"]["deadLetters"]["bindings"]["amqp"]["queue"]
        await channel.queue_declare(queue["name"], passive=True)
        await connection.close()

    asyncio.run(compare())
