"""Scopes: what a task touches, in words that tell whether two tasks touch the same.

A scope is segments separated by `.` or `/`, such as `repo.docs` or `repo/docs`; several are separated by commas. A
segment `*` stands for any one segment. A scope covers everything below it, so two overlap where one is above the
other or the same, segment by segment.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

Path: TypeAlias = tuple[str, ...]
"""The segments of one scope, from the top; the empty path is above everything."""

ANY: Final = "*"
_SEPARATOR = re.compile(r"[./]")
_SPACE = re.compile(r"\s")


def paths_of(scope: str) -> tuple[Path, ...]:
    """The paths that a declared scope names, none for "". Empty segments and scopes are passed over.

    A `*` at the end of a path says nothing: what is above it covers the same.
    """
    if not scope:
        return ()
    paths = []
    for one in scope.split(","):
        path = [segment for segment in _SEPARATOR.split(one.strip()) if segment]
        if path:
            while path and path[-1] == ANY:
                path.pop()
            paths.append(tuple(path))
    return tuple(dict.fromkeys(paths))


def broken_rule(scope: str) -> str:
    """What is wrong with the text as a scope, to be read after its name; "" where nothing is."""
    if not scope:
        return ""
    for one in scope.split(","):
        segments = _SEPARATOR.split(one.strip())
        if not all(segments):
            return "must be segments separated by `.` or `/`, several scopes by commas, and no segment may be empty"
        if _SPACE.search(one.strip()):
            return "must not contain white space but around commas"
        if any(ANY in segment and segment != ANY for segment in segments):
            return "must have `*` only as a whole segment, as in repo.*.docs"
    return ""


def overlap(first: str, second: str) -> bool:
    """Whether tasks with these scopes touch the same. A task that declares none touches nothing of anybody's."""
    return any(_meet(one, other) for one in paths_of(first) for other in paths_of(second))


def _meet(one: Path, other: Path) -> bool:
    return all(a == b or ANY in (a, b) for a, b in zip(one, other, strict=False))
