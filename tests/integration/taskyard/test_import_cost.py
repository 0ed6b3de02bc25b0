from __future__ import annotations

import resource
import subprocess
import sys

ROUNDS = 3


def cpu_s(code: str) -> float:
    """CPU time of an interpreter that runs this code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_import_costs_no_more_than_that_of_httpx() -> None:
    pairs = [(cpu_s("import taskyard"), cpu_s("import httpx")) for _ in range(ROUNDS)]
    ours, theirs = (min(column) for column in zip(*pairs, strict=True))
    assert ours <= theirs
