"""The part of a page that a program writes: what stands between two marks, where the rest is written by hand."""

from __future__ import annotations

from pathlib import Path


def put_between(page: Path, begin: str, end: str, text: str, *, spaced: bool = False) -> None:
    """Replace what stands between the marks, `spaced` by empty lines. Raises ValueError where the page has none."""
    before, mark, rest = page.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not (mark and closed):
        raise ValueError(f"{page} must have the marks {begin} and {end}, and has no such pair")
    around = "\n\n" if spaced else "\n"
    page.write_text(f"{before}{begin}{around}{text}{around}{end}{after}")
