"""A question to an actor, with the one kind of answer that it has; refusals become problems."""

from __future__ import annotations

from typing import TypeVar

from actors.addresses import Address
from actors.messages import Message
from actors.messages.answers import Refused
from gateway.edge import Edge
from gateway.rest_errors import Problem, refusal

A = TypeVar("A")


async def ask(edge: Edge, to: Address, message: Message, kind: type[A]) -> A:
    """The answer of type `kind`. Raises Problem where the actor refuses, and what `Asker.ask` raises."""
    answer = await edge.asker.ask(to, message)
    if isinstance(answer, kind):
        return answer
    if isinstance(answer, Refused):
        raise refusal(answer)
    raise TypeError(f"{type(message).__name__} was answered by {type(answer).__name__}, not by {kind.__name__}")


def refuse_while_draining(edge: Edge) -> None:
    """Raises Problem (503) where the service takes no new tasks, because it is being stopped."""
    if edge.status().phase == "draining":
        raise Problem(503, "The service is being stopped and takes no new tasks; try again")
