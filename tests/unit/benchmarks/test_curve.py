from __future__ import annotations

from pathlib import Path

from benchmarks.growth.curve import Curve, tabulate
from benchmarks.growth.report import read_json, write_json


def _curve() -> Curve:
    curve = Curve("pending", "Cost over pending tasks", "Pending", "us", 1)
    curve.add(1_000_000, {"lease": 12.0, "cancel": 3.0})
    curve.add(1_000, {"lease": 10.0})
    return curve


def test_table_is_ordered_by_size_and_ends_with_the_growth() -> None:
    assert tabulate(_curve()).splitlines() == [
        "| Pending | lease, us | cancel, us |",
        "| ---: | ---: | ---: |",
        "| 1,000 | 10.0 | - |",
        "| 1,000,000 | 12.0 | 3.0 |",
        "| largest to smallest | 1.20 | 1.00 |",
    ]


def test_curves_are_read_as_they_were_kept(tmp_path: Path) -> None:
    kept = tmp_path / "growth.json"
    assert read_json(kept) == {}
    curve = Curve("queues", "Title", "Queues", "us", 2)
    curve.add(10, {"one": 1.5, "other": 2})
    curve.add(1_000, {"one": 3})
    write_json({"queues": [curve]}, kept)
    assert read_json(kept) == {"queues": [curve]}
