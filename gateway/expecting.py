"""A question to an actor, with the one kind of answer that it has; refusals become problems."""

from __future__ import annotations

from typing import TypeVar

from actors.addresses import SCHEDULER, Address
from actors.errors import AnswerTimeout
from actors.messages import Answer, Message
from actors.messages.answers import Refused
from actors.messages.scheduler import SubmitTask
from gateway.edge import Edge
from gateway.rest_errors import Problem, refusal

A = TypeVar("A")


async def ask(edge: Edge, to: Address, message: Message, kind: type[A]) -> A:
    """The answer of type `kind`. Raises Problem where the actor refuses, and what `Asker.ask` raises."""
    return expect(await edge.asker.ask(to, message), kind)


async def ask_to_admit(edge: Edge, message: SubmitTask) -> Answer:
    """The scheduler's answer to a submit.

    Raises Problem (503) where there is none in time: the task may be admitted all the same, so the text
    names its id, under which a retry is safe.
    """
    try:
        return await edge.asker.ask(SCHEDULER, message)
    except AnswerTimeout as error:
        name = message.spec.task_id
        raise Problem(503, f"{error}; the task may be admitted: submit it again with task_id {name}") from error


def expect(answer: Answer, kind: type[A]) -> A:
    """The answer, if it is of this kind. Raises Problem where it is a refusal."""
    if isinstance(answer, kind):
        return answer
    if isinstance(answer, Refused):
        raise refusal(answer)
    raise TypeError(f"answered by {type(answer).__name__}, not by {kind.__name__}")


def refuse_while_draining(edge: Edge) -> None:
    """Raises Problem (503) where the service takes no new tasks, because it is being stopped."""
    if edge.phase() == "draining":
        raise Problem(503, "The service is being stopped and takes no new tasks; try again")
