"""What several commands share: the scheduler's address, JSON from the command line, how a command fails."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from swarmpilot.client import DEFAULT_URL, Client

Url = Annotated[
    str, typer.Option("--url", envvar="SWARMPILOT_URL", help="Address of the scheduler.", rich_help_panel="Scheduler")
]


class Failure(Exception):
    """The command cannot be carried out; the text is shown as it is."""

    def __init__(self, text: str, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class Usage(Failure):
    """The command was not given what it needs."""

    def __init__(self, text: str) -> None:
        super().__init__(text, 2)


def client_for(url: str) -> Client:
    """A client of the scheduler at this address. Raises Usage."""
    try:
        return Client(url)
    except ValueError as failure:
        raise Usage(f"--url: {failure}") from None


def set_up_logs(level: str) -> None:
    """Log at this level and above, a line an event, for a person. Raises Usage."""
    if level.upper() not in logging.getLevelNamesMapping():
        raise Usage(f"log_level: must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'; got {level!r}")
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    # It calls every failed reconnect an error; a worker says the same once.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)


def json_object(name: str, text: str) -> dict[str, Any]:
    """The JSON object in `text`, in the file of `@file`, or on standard input for `-`. Raises Usage."""
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text()
        except (OSError, UnicodeDecodeError) as failure:
            raise Usage(f"{name}: cannot read {text[1:]}: {failure}") from None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as failure:
        raise Usage(f'{name} must be JSON, such as \'{{"prompt": "Hi"}}\': {failure}; got {_short(text)}') from None
    if not isinstance(value, dict):
        raise Usage(f"{name} must be a JSON object, got {_short(text)}")
    return value


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


__all__ = ["DEFAULT_URL", "Failure", "Url", "Usage", "client_for", "json_object", "set_up_logs"]
