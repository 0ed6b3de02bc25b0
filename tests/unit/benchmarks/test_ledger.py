from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.ledger import Ledger
from benchmarks.stage import check_each_ran_once


def test_notes_of_one_process_are_seen_by_another(tmp_path: Path) -> None:
    read = Ledger.create(tmp_path / "ledger", 3)
    written = Ledger(tmp_path / "ledger")

    written.begun_ns[1] = 2**60
    written.begun[1] += 1
    written.ended[2] += 1

    assert (list(read.begun_ns), list(read.begun), list(read.ended)) == ([0, 2**60, 0], [0, 1, 0], [0, 0, 1])


def test_tasks_are_counted_by_how_often_they_ended(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", 4)
    ledger.ended[0] = 1
    ledger.ended[1] = 2

    assert (ledger.count_ended(), ledger.count_ended(1), ledger.count_ended(0)) == (2, 1, 2)


@pytest.mark.parametrize("ended", [[1, 1, 0], [1, 1, 2]], ids=["missing", "twice"])
def test_round_is_refused_when_a_task_did_not_run_once(tmp_path: Path, ended: list[int]) -> None:
    ledger = Ledger.create(tmp_path / "ledger", 3)
    ledger.ended[:] = bytes(ended)

    with pytest.raises(AssertionError):
        check_each_ran_once(ledger, 3)


def test_round_is_taken_when_each_task_ran_once(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", 3)
    ledger.ended[:] = bytes([1, 1, 1])

    check_each_ran_once(ledger, 3)
