"""Runs that started after their worker had logged that it lost the lease."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

from tests.support.system import System

_TOLERANCE_S = 0.1
"""A handler that starts while the loss is logged may log first."""


def find_late_runs(system: System) -> list[str]:
    """The late runs, each a sentence."""
    lost = dict(_read_losses(system))
    return [
        f"{each.task_id} was run by {each.worker_pid} as attempt {each.attempt} after its lease was lost"
        for each in system.executions.started()
        if each.at_s > lost.get((each.worker_pid, each.task_id, each.attempt), each.at_s) + _TOLERANCE_S
    ]


def _read_losses(system: System) -> Iterator[tuple[tuple[int, str, int], float]]:
    """Worker, task and attempt of each lost lease, and when it was logged, on the monotonic clock."""
    boot_s = time.time() - time.monotonic()
    for service in system.services:
        for line in service.logged("lease_lost"):
            at_s = datetime.fromisoformat(line["time"]).timestamp() - boot_s
            yield (service.pid, line["task_id"], line["attempt"]), at_s
