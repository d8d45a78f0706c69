"""Pages of a run: what is drawn, and how values are written."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from hashbench.report.details import details, render
from hashbench.report.run_pages import all_facts, flat, results_page, run_page, shown
from tests.tui import fixtures


def drawn(page: object, width: int = 120) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(page)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_values_are_written_as_people_do() -> None:
    values = ((32, 64), True, False, 0.30000000000000004, 7, "a\x1b[31m")
    assert list(map(shown, values)) == ["32, 64", "yes", "no", "0.3", "7", "a?[31m"]


def test_nested_values_stand_under_dotted_names_and_empty_ones_nowhere() -> None:
    nested = {"a": {"b": {"c": 1}, "d": ""}, "e": [], "f": False}
    assert flat(nested) == {"a.b.c": 1, "f": False}


@pytest.mark.parametrize("wide", [True, False])
def test_a_finished_run_tells_spec_facts_and_scores(tmp_path: Path, wide: bool) -> None:
    run = fixtures.finished(tmp_path, fixtures.spec(bits=(16, 64)), 1)
    record = details(run)
    page = drawn(run_page(record, wide=wide))
    for said in ("finished", "16, 64", "own 5eed5eed", "scan kernel", "1 min 33 s", "audit: clean"):
        assert said in page
    assert len(page.splitlines()) < (35 if wide else 60)
    facts = all_facts(record)
    assert facts["features"] == "picturebook-clip-0123"
    assert (facts["query"], facts["validation"]) == (500, 200)
    scores = drawn(results_page(record))
    for bits in ("16", "64"):
        values = record["result"]["scores"][bits]["i2t"]
        low, high = values["mAP@all(tie=worst)"], values["mAP@all(tie=best)"]
        assert f"{values['mAP@all']:.6f}" in scores
        assert f"{low:.4f}-{high:.4f}" in scores
    whole = drawn(render(record))
    assert scores.splitlines()[0] in whole
    assert run.id in whole


def test_a_failed_run_tells_why_and_what_to_do(tmp_path: Path) -> None:
    record = details(fixtures.one_of_each(tmp_path)["failed"])
    for page in (drawn(run_page(record, wide=True)), drawn(render(record))):
        assert "remedy: a smaller learning rate" in page
        assert "TrainingError: not finite" in page
    assert "no result yet" in drawn(results_page(record))
