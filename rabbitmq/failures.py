"""Every way in which a conversation with RabbitMQ breaks off, as the one error that callers know."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiormq.exceptions import (
    AuthenticationError,
    ChannelAccessRefused,
    ConnectionClosed,
    ConnectionNotAllowed,
    ProbableAuthenticationError,
    PublishError,
)

from actors.errors import BrokerUnavailable, BrokerUnfit


class Unroutable(Exception):
    """The broker has no queue for this message and gave it back."""


@contextmanager
def as_unavailable(doing: str) -> Iterator[None]:
    """Turn failures into BrokerUnavailable (of who we are: BrokerUnfit), a returned message into Unroutable.

    aiormq rejects whoever waits with the reason of the closure, whatever type that has: a bare Exception,
    or CancelledError in a task that nobody has cancelled. Hence the broad clauses.
    """
    try:
        yield
    except (BrokerUnavailable, Unroutable):
        raise
    except PublishError as error:
        raise Unroutable(doing) from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerUnavailable(f"{doing}: the connection was closed") from error
    except TimeoutError as error:
        raise BrokerUnavailable(f"{doing}: no answer in time") from error
    except Exception as error:
        if _is_refusal(error):
            raise BrokerUnfit(f"{doing}: {error.args[-1] if error.args else error!r}") from error
        raise BrokerUnavailable(f"{doing}: {error!r}") from error


def _is_refusal(error: Exception) -> bool:
    """Whether the broker does not take this user, password or vhost, or lets the user do too little."""
    match error:
        case AuthenticationError() | ProbableAuthenticationError() | ChannelAccessRefused():
            return True
        case ConnectionNotAllowed(args=(text,)) | ConnectionClosed(args=(530, text)):
            return "limit" not in str(text)  # too many connections: some of them may end
        case _:
            return False
