"""What all agents are at: the entries of their activity buffers, the history of ended ones, and a stream of changes."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Response

from actors.activity_reader import ActivityFilter
from gateway.activity_feed import ActivityFeed, TooManyStreams
from gateway.bad_request import BadRequest
from gateway.edge import Edge
from gateway.event_stream import EventStream
from gateway.front_door import edge_of
from gateway.rest_errors import Problem
from gateway.schema_fields import Name
from gateway.schemas_activity import ActivityPage, page_of
from gateway.strict_route import ERRORS, StrictRoute

router = APIRouter(tags=["activity"], route_class=StrictRoute, responses=ERRORS)

LARGEST_PAGE: Final = 1_000
LARGEST_CHANGE: Final = 2**63 - 1

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Number of entries at most.")]
Change = Annotated[int, Query(ge=0, le=LARGEST_CHANGE)]

STREAMED: Final = {
    "description": "Server-Sent Events. `live`, `ended` and `purged` carry an ActivityRecord, and the number of the "
    "change as their `id`. First comes what is live, then what changes. Whoever comes back with `Last-Event-ID` goes "
    "on from there; where that cannot be done any more, a `reset` says that what is live follows anew. Changes of one "
    "entry in quick succession, or while nobody listened, are told as one.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


def _filter(
    agent_id: Annotated[Name | None, Query(description="Only entries of this agent.")] = None,
    repo_id: Annotated[Name | None, Query(description="Only entries of this repository.")] = None,
    worktree_id: Annotated[Name | None, Query(description="Only entries of this worktree.")] = None,
    task_id: Annotated[Name | None, Query(description="Only the entry of this task.")] = None,
) -> ActivityFilter:
    return ActivityFilter(agent_id, repo_id, worktree_id, task_id)


def _feed(edge: Annotated[Edge, Depends(edge_of)]) -> ActivityFeed:
    if edge.activity is None:
        raise Problem(503, "The service is starting; try again")
    return edge.activity


Where = Annotated[ActivityFilter, Depends(_filter)]
TheFeed = Annotated[ActivityFeed, Depends(_feed)]


@router.get("/activity", summary="What all agents are at")
async def activity(
    where: Where,
    feed: TheFeed,
    after: Annotated[Change, Query(description="Number of the change to begin after: `next` of the page before.")] = 0,
    limit: Limit = 100,
) -> ActivityPage:
    """Entries of tasks that have not ended, of every agent that a client named; the oldest change first."""
    return page_of(await feed.reader.live_activity(where, after=after, limit=limit + 1), limit)


@router.get("/activity/history", summary="What all agents were at")
async def history(
    where: Where,
    feed: TheFeed,
    before: Annotated[
        Change | None, Query(description="Number of the change to begin before: `next` of the page before.")
    ] = None,
    limit: Limit = 100,
) -> ActivityPage:
    """Entries of ended tasks, the newest end first; those that were purged are gone, and so are the oldest."""
    return page_of(await feed.reader.ended_activity(where, before=before, limit=limit + 1), limit)


@router.get("/activity/stream", summary="What changes in it", response_class=Response, responses={200: STREAMED})
async def stream(
    where: Where,
    feed: TheFeed,
    last_event_id: Annotated[
        str | None, Header(description="Number of the last change that is known already, as its `id` was.")
    ] = None,
) -> Response:
    """Follow the activity of all agents."""
    after = None if last_event_id is None else _change_number(last_event_id)
    try:
        return EventStream(feed, feed.open(where, after))
    except TooManyStreams as error:
        raise Problem(503, f"{error}; try again later") from error


def _change_number(text: str) -> int:
    if not (len(text) < 20 and text.isascii() and text.isdigit() and int(text) <= LARGEST_CHANGE):
        raise BadRequest("Last-Event-ID", f"must be an integer from 0 to {LARGEST_CHANGE}", text)
    return int(text)
