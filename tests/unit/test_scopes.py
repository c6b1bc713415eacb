"""Scopes by example: how they are read, when they overlap, and what is wrong with the others."""

from __future__ import annotations

import pytest

from actors.messages.scopes import broken_rule, overlap, paths_of


@pytest.mark.parametrize(("scope", "paths"), [
    ("", ()),
    ("repo", (("repo",),)),
    ("repo.docs", (("repo", "docs"),)),
    ("repo/docs.index", (("repo", "docs", "index"),)),
    ("repo.docs, global.resource", (("repo", "docs"), ("global", "resource"))),
    ("repo,repo", (("repo",),)),
    ("repo.*", (("repo",),)),
    ("repo.*.docs.*.*", (("repo", "*", "docs"),)),
    ("*", ((),)),
])  # fmt: skip
def test_reading(scope: str, paths: tuple[tuple[str, ...], ...]) -> None:
    assert paths_of(scope) == paths
    assert broken_rule(scope) == ""


@pytest.mark.parametrize(("one", "other"), [
    ("repo", "repo"),
    ("repo.docs", "repo/docs"),
    ("repo", "repo.docs.index"),
    ("repo.*", "repo.docs"),
    ("repo.*", "repo"),
    ("repo.*.docs", "repo.a"),
    ("repo.*.docs", "repo.a.docs.index"),
    ("*.docs", "repo.docs"),
    ("*.docs", "repo.*"),
    ("*", "anything.at.all"),
    ("x, repo.docs", "repo.docs.index, y"),
])  # fmt: skip
def test_overlapping(one: str, other: str) -> None:
    assert overlap(one, other)
    assert overlap(other, one)


@pytest.mark.parametrize(("one", "other"), [
    ("", ""),
    ("", "*"),
    ("repo", "repository"),
    ("repo.docs", "repo.src"),
    ("repo.docs", "docs"),
    ("repo.*.docs", "repo.a.src"),
    ("*.docs", "repo.src"),
    ("a, b", "c, d"),
    ("Repo", "repo"),
])  # fmt: skip
def test_not_overlapping(one: str, other: str) -> None:
    assert not overlap(one, other)
    assert not overlap(other, one)


@pytest.mark.parametrize(("scope", "rule"), [
    (".", "no segment may be empty"),
    ("repo..docs", "no segment may be empty"),
    ("/repo", "no segment may be empty"),
    ("repo.", "no segment may be empty"),
    ("a,,b", "no segment may be empty"),
    ("a,", "no segment may be empty"),
    (" ", "no segment may be empty"),
    ("my repo", "must not contain white space"),
    ("repo .docs", "must not contain white space"),
    ("repo.d*", "must have `*` only as a whole segment"),
    ("**", "must have `*` only as a whole segment"),
])  # fmt: skip
def test_broken_rules(scope: str, rule: str) -> None:
    assert rule in broken_rule(scope)


@pytest.mark.parametrize("scope", ["a..b", ",", " . ", "a b", "/", "d*"])
def test_what_breaks_the_rules_is_still_read_somehow(scope: str) -> None:
    """Journals keep what was accepted before there were rules."""
    assert all(segment for path in paths_of(scope) for segment in path)
