from __future__ import annotations

from pathlib import Path

from benchmarks.growth.curve import Curve
from benchmarks.growth.report import write_curves
from benchmarks.report.figure import FIGURE, summarise
from benchmarks.report.plot import GROUPS, draw_groups


def test_plots_are_drawn_for_groups_that_were_measured(tmp_path: Path) -> None:
    samples = {"memory_per_task": {"taskyard": [300.0], "arq": [450.0]}, "sleeping_tasks": {"taskyard": [9.0]}}

    written = draw_groups(summarise(samples), tmp_path)

    assert [path.name for path in written] == ["processing.png", "cost.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


def test_groups_are_of_known_figures() -> None:
    assert {name for names in GROUPS.values() for name in names} <= set(FIGURE)


def test_page_keeps_what_is_outside_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("before\n<!-- growth -->\nold\n<!-- end of growth -->\nafter\n")
    curve = Curve("pending", "Cost over pending tasks", "Pending", "us", 1)
    curve.add(1_000, {"lease": 10.0})

    write_curves({"pending": [curve]}, {"pending": "Pending tasks"}, tmp_path / "images", page)

    text = page.read_text()
    assert text.startswith("before\n<!-- growth -->\n### Pending tasks\n")
    assert text.endswith("<!-- end of growth -->\nafter\n")
    assert "old" not in text
    assert "(images/performance-pending.png)" in text
    assert (tmp_path / "images" / "performance-pending.png").exists()
