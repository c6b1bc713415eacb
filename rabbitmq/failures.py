"""Every way in which a conversation with RabbitMQ breaks off, as the one error that callers know."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiormq.exceptions import PublishError

from actors.errors import BrokerUnavailable


class Unroutable(Exception):
    """The broker has no queue for this message and gave it back."""


@contextmanager
def as_unavailable(doing: str) -> Iterator[None]:
    """Turn failures into BrokerUnavailable, a returned message into Unroutable.

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
        raise BrokerUnavailable(f"{doing}: {error!r}") from error
