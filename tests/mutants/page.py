"""The table of mutants in a page, between its marks, as a run has found them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.mutants.__main__ import Verdict

BEGIN, END = "<!-- mutants -->", "<!-- /mutants -->"


def write_table(page: Path, verdicts: Sequence[Verdict]) -> None:
    """Replace what is between the marks. Raises ValueError where they are missing."""
    rows = [f"| {v.mutant.name} | {v.suite or 'none'} | {v.proof.replace('|', '/')[:110]} |" for v in verdicts]
    caught = sum(bool(v.suite) for v in verdicts)
    table = "\n".join(["| without | caught by | first by |", "|---|---|---|", *rows])
    replace_between(page, BEGIN, END, f"{caught} of {len(verdicts)} are caught.\n\n{table}")


def replace_between(page: Path, begin: str, end: str, text: str) -> None:
    """Put this between two lines of the page. Raises ValueError where they are missing."""
    head, found, rest = page.read_text().partition(begin)
    _, ended, tail = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{page} has no {begin} … {end}")
    page.write_text(f"{head}{begin}\n\n{text}\n\n{end}{tail}")
