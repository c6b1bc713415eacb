"""Logs: one line an event on stderr, coloured for a person, JSON for a machine."""

from __future__ import annotations

import io
import logging
import sys
from typing import TextIO, cast

import structlog


class _Stderr(io.TextIOBase):
    """Whatever `sys.stderr` is when a line is written."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _OneLine(logging.Handler):
    """Logs what libraries say as what we say."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = structlog.get_logger().bind(logger=record.name)
            line.log(record.levelno, record.getMessage(), exc_info=record.exc_info)
        except Exception:
            self.handleError(record)


def _is_no_hang_up(record: logging.LogRecord) -> bool:
    """gRPC calls it an error that a client has cancelled, or run out of time, in the moment of its answer."""
    return not record.getMessage().startswith("ExecuteBatchError raised in core")


def set_up_logs(level: str) -> None:
    """Log at `level` (DEBUG, INFO, WARNING, ERROR) and above."""
    numeric = logging.getLevelNamesMapping()[level]
    logging.basicConfig(level=max(numeric, logging.WARNING), handlers=[_OneLine()])
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_no_hang_up)
    # It calls every failed reconnect an error; the links say the same once, and when it is over.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    # The default traceback of a terminal shows every local variable, which takes seconds on the event loop.
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = console if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([] if sys.stderr.isatty() else [structlog.processors.format_exc_info]),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Stderr())),
    )
