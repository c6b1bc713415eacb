"""Every mutant still applies to the source: else it would prove nothing, and nobody would notice."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from benchmarks.page_sections import put_between
from tests.mutants.catalogue import MUTANTS, Mutant, NotFound

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_applies_and_is_a_program(tmp_path: Path, mutant: Mutant) -> None:
    copy = tmp_path / mutant.file
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / mutant.file, copy)
    mutant.apply(tmp_path)
    ast.parse(copy.read_text())
    assert copy.read_text() != (ROOT / mutant.file).read_text()
    with pytest.raises(NotFound, match="has it"):
        Mutant("nothing", mutant.file, "what nobody writes", "").apply(tmp_path)


def test_no_two_mutants_are_the_same() -> None:
    assert len({(mutant.file, mutant.before, mutant.after) for mutant in MUTANTS}) == len(MUTANTS) >= 8


def test_a_table_goes_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nafter\n")
    put_between(page, "<!-- a -->", "<!-- /a -->", "new", spaced=True)
    assert page.read_text() == "before\n<!-- a -->\n\nnew\n\n<!-- /a -->\nafter\n"
    with pytest.raises(ValueError, match="has no"):
        put_between(page, "<!-- b -->", "<!-- /b -->", "new", spaced=True)
