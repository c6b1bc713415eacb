"""Messages and events as JSON and back, by the names of their types. No name is ever imported from a message.

Inside the service both ends are ours, so decoding checks types and nothing more; what strangers send is
validated at the edges.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar, get_args

import msgspec

from actors.messages import Message

T = TypeVar("T")


class UnknownType(ValueError):
    """A record names a type that this version does not know."""


class Codec(Generic[T]):
    """Encodes a closed set of types as `name` plus JSON body, and decodes by name."""

    def __init__(self, types: Iterable[type]) -> None:
        self._encoder = msgspec.json.Encoder()
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}
        for type_ in types:
            if self._decoders.setdefault(type_.__name__, msgspec.json.Decoder(type_)).type is not type_:
                raise ValueError(f"two types of one codec are named {type_.__name__}")

    @property
    def names(self) -> frozenset[str]:
        """The type names that this codec knows."""
        return frozenset(self._decoders)

    def encode(self, value: T) -> tuple[str, bytes]:
        """The type's name and the value as JSON."""
        return type(value).__name__, self._encoder.encode(value)

    def decode(self, name: str, body: bytes | msgspec.Raw) -> T:
        """The value. Raises UnknownType, or msgspec.ValidationError where the body does not fit the type."""
        decoder = self._decoders.get(name)
        if decoder is None:
            raise UnknownType(f"unknown type {name!r}; known are {', '.join(sorted(self._decoders))}")
        value: T = decoder.decode(body)
        return value


MESSAGES: Codec[Message] = Codec(get_args(Message))
"""Every message of the vocabulary."""
