"""`swarmpilot.v1.ActivityService`: what all agents are at, over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from actors.activity_reader import ActivityFilter, ActivityRow
from gateway.activity_feed import ActivityFeed, Batch
from gateway.bad_request import line_of, whole_number_of
from gateway.edge import Edge
from gateway.rpc_statuses import Context, NotServing, once_started, refuse
from gateway.translate import iso_timestamp
from protos import activity_pb2 as pb
from protos import activity_pb2_grpc

SERVICE: Final = "swarmpilot.v1.ActivityService"
DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1_000
LARGEST_PAGE_BYTES: Final = 3 * 1024 * 1024
"""Clients of gRPC take answers of 4 MiB, unless they say otherwise."""
LARGEST_CHANGE: Final = 2**63 - 1
HEARTBEAT_S: Final = 15.0
"""A watcher is told its position where nothing has changed for so long (s)."""

_KINDS: Final = {"live": pb.ActivityChange.LIVE, "ended": pb.ActivityChange.ENDED, "purged": pb.ActivityChange.PURGED}


class ActivityServicer(activity_pb2_grpc.ActivityServiceServicer):
    """The three calls, answered from the store."""

    def __init__(self, edge: Callable[[], Edge]) -> None:
        self._edge = edge

    async def ListActivity(self, request: pb.ListActivityRequest, context: Context) -> pb.ListActivityResponse:  # noqa: N802
        try:
            limit, after = _limit_of(request.limit), _change_of("after", request.after)
            rows = await self._feed.reader.live_activity(filter_of(request.filter), after=after, limit=limit + 1)
            entries, following = _page_of(rows, limit)
            return pb.ListActivityResponse(entries=entries, next=following)
        except Exception as error:
            await refuse(context, error)

    async def ListActivityHistory(  # noqa: N802
        self, request: pb.ListActivityHistoryRequest, context: Context
    ) -> pb.ListActivityHistoryResponse:
        try:
            limit, before = _limit_of(request.limit), _change_of("before", request.before) or None
            rows = await self._feed.reader.ended_activity(filter_of(request.filter), before=before, limit=limit + 1)
            entries, following = _page_of(rows, limit)
            return pb.ListActivityHistoryResponse(entries=entries, next=following)
        except Exception as error:
            await refuse(context, error)

    async def WatchActivity(  # noqa: N802
        self, request: pb.WatchActivityRequest, context: Context
    ) -> AsyncIterator[pb.ActivityChange]:
        try:
            after = _change_of("after", request.after) if request.HasField("after") else None
            stream = self._feed.open(filter_of(request.filter), after)
            try:
                async for batch in stream.batches(HEARTBEAT_S):
                    for change in changes_of(batch):
                        yield change
            finally:
                stream.close()
            raise NotServing("the service is being stopped; watch again later, after the last change")
        except Exception as error:
            await refuse(context, error)

    @property
    def _feed(self) -> ActivityFeed:
        activity = once_started(self._edge()).activity
        if activity is None:
            raise NotServing("activity is not shown here")
        return activity


def filter_of(asked: pb.ActivityFilter) -> ActivityFilter:
    """Which entries are meant. Raises BadRequest."""
    return ActivityFilter(
        line_of("filter.agent_id", asked.agent_id) or None,
        line_of("filter.repo_id", asked.repo_id) or None,
        line_of("filter.worktree_id", asked.worktree_id) or None,
        line_of("filter.task_id", asked.task_id) or None,
    )


def changes_of(batch: Batch) -> list[pb.ActivityChange]:
    """The batch as messages; the last one says where to go on."""
    if batch.is_reset:
        return [pb.ActivityChange(kind=pb.ActivityChange.RESET)]
    changes = [pb.ActivityChange(kind=_KINDS[r.status], entry=record_of(r), change=r.change) for r in batch.rows]
    if batch.position is not None and not (batch.rows and batch.rows[-1].change == batch.position):
        changes.append(pb.ActivityChange(kind=pb.ActivityChange.POSITION, change=batch.position))
    return changes


def record_of(row: ActivityRow) -> pb.ActivityRecord:
    """The entry as gRPC shows it."""
    return pb.ActivityRecord(
        task_id=row.task_id,
        agent_id=row.agent_id,
        repo_id=row.repo_id,
        worktree_id=row.worktree_id,
        branch=row.branch,
        description=row.description,
        progress=row.progress,
        state=row.state.value,
        timestamp=iso_timestamp(row.timestamp),
        change=row.change,
    )


def _limit_of(asked: int) -> int:
    return whole_number_of("limit", asked, 0, LARGEST_PAGE) or DEFAULT_PAGE


def _change_of(field: str, asked: int) -> int:
    return whole_number_of(field, asked, 0, LARGEST_CHANGE)


def _page_of(rows: Sequence[ActivityRow], limit: int) -> tuple[list[pb.ActivityRecord], int]:
    """The entries of a page, and where the next one begins, 0 where it is the last."""
    entries: list[pb.ActivityRecord] = []
    size = 0
    for row in rows[:limit]:
        entry = record_of(row)
        size += entry.ByteSize()
        if entries and size > LARGEST_PAGE_BYTES:
            break
        entries.append(entry)
    return entries, rows[len(entries) - 1].change if len(rows) > len(entries) else 0
