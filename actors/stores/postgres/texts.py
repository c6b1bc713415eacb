"""Texts as PostgreSQL can hold them."""

from __future__ import annotations


def text(value: str) -> str:
    """PostgreSQL's texts hold anything but NUL, for which the replacement character stands."""
    return value.replace("\x00", "\ufffd") if "\x00" in value else value
