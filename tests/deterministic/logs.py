"""What the service logs of itself during a run: nobody reads it, but where it says that an actor has failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

DEFECTS = ("an actor failed at a message; it is set aside", "an errand failed unexpectedly")


@contextmanager
def heard(wrong: Callable[[str], None]) -> Iterator[None]:
    """Tell `wrong` of defects, except for those that poison brings about, and drop the rest."""

    def listen(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Any:
        if event["event"] in DEFECTS and not str(event.get("id", "")).startswith("poison:"):
            wrong(f"{event['event']}: {event.get('reason', '')}{event.get('errand', '')}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[listen], wrapper_class=structlog.make_filtering_bound_logger(40))
    try:
        yield
    finally:
        structlog.configure(**before)
