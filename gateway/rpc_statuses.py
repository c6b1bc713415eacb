"""The gRPC status that an error stands for: the one place where errors become statuses.

INVALID_ARGUMENT: mend the request; UNAVAILABLE: send the same request again later; INTERNAL: our fault.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeAlias

import grpc
import structlog

from actors.errors import AnswerTimeout, BrokerUnavailable, StoreUnavailable
from gateway.activity_feed import FeedClosed, TooManyStreams
from gateway.bad_request import BadRequest, MalformedJson
from gateway.edge import Edge

log = structlog.get_logger("gateway.rpc")

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class NotServing(Exception):
    """The service is starting or draining and does not take this now."""


def once_started(edge: Edge) -> Edge:
    """The edge, where it can be used. Raises NotServing."""
    if edge.phase() == "starting":
        raise NotServing("the service is starting; send the same request again later")
    return edge


_MENDED_BY_CLIENT = (BadRequest, MalformedJson)
_MENDED_BY_TIME = (NotServing, BrokerUnavailable, StoreUnavailable, AnswerTimeout, FeedClosed, TooManyStreams)


async def refuse(context: Context, error: Exception) -> NoReturn:
    """End the call with the status of this error. To be called while it is being handled."""
    if isinstance(error, _MENDED_BY_CLIENT):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    if isinstance(error, _MENDED_BY_TIME):
        await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
    log.error("a gRPC call failed", exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, "the service failed; its log says why")
    raise AssertionError("abort always raises")
