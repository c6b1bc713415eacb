"""GET /dead, GET /dead/{id} and POST /dead/{id}/replay: the messages that could have no effect."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query

from actors.dead_letters import DeadLetter
from gateway.bad_request import MalformedJson
from gateway.dead_letters import DeadLetters, Unreadable
from gateway.edge import Edge
from gateway.expecting import refuse_while_draining
from gateway.front_door import edge_of
from gateway.json_body import decode_json
from gateway.rest_errors import Problem
from gateway.schemas_dead import DeadFailure, DeadList, DeadRecord, DeadSummary, ReplayResponse
from gateway.strict_route import ERRORS, NOT_FOUND, StrictRoute

router = APIRouter(tags=["dead letters"], route_class=StrictRoute, responses=ERRORS)

OUTCOME_WITHIN_S: Final = 5.0
LOOK_EVERY_S: Final = 0.02

TheEdge = Annotated[Edge, Depends(edge_of)]
LetterId = Annotated[str, Path(description="Id of the dead letter.")]
After = Annotated[str, Query(description="Only those that come after this one, by its id.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Number of dead letters to list at most.")]


@router.get("/dead", summary="Messages that could have no effect")
async def list_dead(edge: TheEdge, after: After = "", limit: Limit = 100) -> DeadList:
    """Those that failed last come first. They are kept for `retention_days`."""
    letters = await _of(edge).listed(after, limit)
    return DeadList(letters=[DeadSummary(**_summary(letter)) for letter in letters])


# The longer path comes first: an id may hold slashes.
@router.post("/dead/{letter_id:path}/replay", summary="Send a dead letter again", responses=NOT_FOUND)
async def replay_dead(letter_id: LetterId, edge: TheEdge) -> ReplayResponse:
    """As a new message. Where it has its effect it is gone from the list; doing this twice does it once."""
    refuse_while_draining(edge)
    letter = await _found(edge, letter_id)
    try:
        await _of(edge).replay(letter)
    except Unreadable as error:
        return ReplayResponse(outcome="failed", reason=str(error))
    deadline = monotonic() + OUTCOME_WITHIN_S
    while monotonic() < deadline:
        now = await _of(edge).find(letter_id)
        if now is None:
            return ReplayResponse(outcome="replayed", reason="")
        if len(now.failures) > len(letter.failures):
            return ReplayResponse(outcome="failed", reason=now.failures[-1].reason)
        await asyncio.sleep(LOOK_EVERY_S)
    return ReplayResponse(outcome="sent", reason="")


@router.get("/dead/{letter_id:path}", summary="A message that could have no effect", responses=NOT_FOUND)
async def show_dead(letter_id: LetterId, edge: TheEdge) -> DeadRecord:
    """With the message itself and every failure."""
    letter = await _found(edge, letter_id)
    failures = [DeadFailure(at=failure.at, reason=failure.reason) for failure in letter.failures]
    return DeadRecord(**_summary(letter), failures=failures, message=_readable(letter.body))


def _of(edge: Edge) -> DeadLetters:
    if edge.dead is None:
        raise Problem(503, "This process keeps no dead letters")
    return edge.dead


async def _found(edge: Edge, letter_id: str) -> DeadLetter:
    letter = await _of(edge).find(letter_id)
    if letter is None:
        raise Problem(404, f"Dead letter {letter_id} not found")
    return letter


def _summary(letter: DeadLetter) -> dict[str, Any]:
    last = letter.failures[-1]
    return {
        "id": letter.id,
        "kind": letter.kind,
        "to": letter.to,
        "name": letter.name,
        "task_id": letter.task_id,
        "failed_at": last.at,
        "reason": last.reason,
        "tries": len(letter.failures),
    }


def _readable(body: bytes) -> Any:
    try:
        return decode_json(body)
    except MalformedJson:
        return body.decode(errors="replace")
