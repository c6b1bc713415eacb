"""The table of mutants in a page, between its marks, as a run has found them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.page_sections import put_between

if TYPE_CHECKING:
    from tests.mutants.__main__ import Verdict

BEGIN, END = "<!-- mutants -->", "<!-- /mutants -->"


def write_table(page: Path, verdicts: Sequence[Verdict]) -> None:
    """Replace what is between the marks. Raises ValueError where they are missing."""
    rows = [f"| {v.mutant.name} | {v.suite or 'none'} | {v.proof.replace('|', '/')[:110]} |" for v in verdicts]
    caught = sum(bool(v.suite) for v in verdicts)
    table = "\n".join(["| without | caught by | first by |", "|---|---|---|", *rows])
    put_between(page, BEGIN, END, f"{caught} of {len(verdicts)} are caught.\n\n{table}", spaced=True)
