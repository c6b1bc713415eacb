"""A user's own placement strategy: the function that `module:function` in the configuration names, nothing else."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from gateway.config_file import ConfigError

SIGNATURE = "def choose(view): ... -> index into view.candidates"


def find_function(name: str, field: str) -> Callable[[Any], object]:
    """The function of this name; the working directory is searched too. Raises ConfigError."""
    module_name, _, attribute = name.partition(":")
    if not (module_name and attribute):
        raise ConfigError(f"{field}: must be module:function, such as my_placement:choose; got {name!r}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = import_module(module_name)
    except Exception as failure:
        raise ConfigError(f"{field}: cannot import {module_name}: {type(failure).__name__}: {failure}") from failure
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise ConfigError(f"{field}: module {module_name} has no {attribute}")
    if not callable(found):
        raise ConfigError(f"{field}: {name} must be a function; it is a {type(found).__name__}")
    _check(name, found, field)
    return found  # type: ignore[no-any-return]


def _check(name: str, function: Callable[..., object], field: str) -> None:
    """Whether it can be called as it will be."""
    if inspect.iscoroutinefunction(function):
        raise ConfigError(f"{field}: {name} must not be async: {SIGNATURE}")
    try:
        inspect.signature(function).bind(None)
    except (TypeError, ValueError) as failure:
        raise ConfigError(f"{field}: {name} must take one argument: {SIGNATURE} ({failure})") from failure
