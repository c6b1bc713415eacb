"""How a row may differ from its story without being wrong: not every database can hold every text."""

from __future__ import annotations


def is_kept(replayed: object, stored: object) -> bool:
    """Whether a column of this value may be stored so: PostgreSQL has the replacement character for NUL."""
    if stored == replayed:
        return True
    return isinstance(replayed, str) and stored == replayed.replace("\x00", "\ufffd")
