"""Every message of the vocabulary survives the wire, and no stranger's name is ever looked up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.messages import Message
from actors.messages.scheduler import SubmitTask, TaskSettled
from actors.messages.wire import MESSAGES, Codec, UnknownType

MESSAGE_TYPES: tuple[type, ...] = get_args(Message)


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type, as far as JSON can hold them: finite floats, integers of 64 bits."""
    if annotation is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if annotation is int:
        return st.integers(-(2**63), 2**63 - 1)
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        fields = get_type_hints(annotation)
        return st.builds(annotation, **{name: values_of(hint) for name, hint in fields.items()})
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if origin in (Union, UnionType):
        return st.one_of([values_of(argument) for argument in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    return st.from_type(annotation)


@pytest.mark.parametrize("type_", MESSAGE_TYPES, ids=lambda type_: type_.__name__)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_message_comes_back_as_it_went(type_: type, data: st.DataObject) -> None:
    message = data.draw(values_of(type_))
    name, body = MESSAGES.encode(message)
    assert name == type_.__name__
    back = MESSAGES.decode(name, body)
    assert back == message
    assert type(back) is type_


def test_the_codec_knows_the_whole_vocabulary_and_nothing_else() -> None:
    assert {type_.__name__ for type_ in MESSAGE_TYPES} == MESSAGES.names
    assert len(MESSAGES.names) == len(MESSAGE_TYPES)


@pytest.mark.parametrize("type_", MESSAGE_TYPES, ids=lambda type_: type_.__name__)
def test_messages_are_frozen(type_: type[msgspec.Struct]) -> None:
    assert type_.__struct_config__.frozen


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "Submittask", "", "object"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownType, match="unknown type"):
        MESSAGES.decode(name, b"{}")


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        (SubmitTask, b"{}"),
        (TaskSettled, b'{"task_id": "t", "state": "asleep"}'),
        (TaskSettled, b'{"task_id": 5, "state": "completed"}'),
        (TaskSettled, b'["t", "completed"]'),
    ],
)
def test_a_body_that_does_not_fit_its_type_is_refused(type_: type, body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        MESSAGES.decode(type_.__name__, body)


def test_two_types_of_one_name_cannot_share_a_codec() -> None:
    def twin() -> type:
        @dataclass(frozen=True, slots=True)
        class Twin:
            at: float = math.pi

        return Twin

    with pytest.raises(ValueError, match="named Twin"):
        Codec[Any]([twin(), twin()])
