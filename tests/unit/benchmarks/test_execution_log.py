from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.harness.execution_log import ExecutionLog
from benchmarks.harness.testbed import check_each_ran_once


def test_notes_of_one_process_are_seen_by_another(tmp_path: Path) -> None:
    read = ExecutionLog.create(tmp_path / "executions", 3)
    written = ExecutionLog(tmp_path / "executions")

    written.begun_ns[1] = 2**60
    written.begun[1] += 1
    written.ended[2] += 1

    assert (list(read.begun_ns), list(read.begun), list(read.ended)) == ([0, 2**60, 0], [0, 1, 0], [0, 0, 1])


def test_tasks_are_counted_by_how_often_they_ended(tmp_path: Path) -> None:
    executions = ExecutionLog.create(tmp_path / "executions", 4)
    executions.ended[0] = 1
    executions.ended[1] = 2

    assert (executions.count_ended(), executions.count_ended(1), executions.count_ended(0)) == (2, 1, 2)


@pytest.mark.parametrize("ended", [[1, 1, 0], [1, 1, 2]], ids=["missing", "twice"])
def test_round_is_refused_when_a_task_did_not_run_once(tmp_path: Path, ended: list[int]) -> None:
    executions = ExecutionLog.create(tmp_path / "executions", 3)
    executions.ended[:] = bytes(ended)

    with pytest.raises(AssertionError):
        check_each_ran_once(executions, 3)


def test_round_is_taken_when_each_task_ran_once(tmp_path: Path) -> None:
    executions = ExecutionLog.create(tmp_path / "executions", 3)
    executions.ended[:] = bytes([1, 1, 1])

    check_each_ran_once(executions, 3)
