"""In-flight runs: all leases of this worker, until the store has accepted their outcomes."""

from __future__ import annotations

from queueworker.runs.run import Run


class InFlightRuns:
    """The runs whose leases are renewed, by queue and task id."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], Run] = {}

    def add(self, run: Run) -> None:
        """Add a run; it replaces an earlier run of the same task."""
        self._runs[_key(run)] = run

    def drop(self, run: Run) -> None:
        """Remove a run, unless a newer lease of its task has replaced it."""
        if self._runs.get(_key(run)) is run:
            del self._runs[_key(run)]

    def find(self, queue: str, task_id: str) -> Run | None:
        """The run of a task, if it is in flight."""
        return self._runs.get((queue, task_id))

    def all(self) -> list[Run]:
        """All runs in flight."""
        return list(self._runs.values())

    def running(self) -> list[Run]:
        """The runs whose attempt has not ended."""
        return [run for run in self._runs.values() if _is_running(run)]

    def is_running(self, run: Run) -> bool:
        """Test that the run is in flight and its attempt has not ended."""
        return self._runs.get(_key(run)) is run and _is_running(run)

    def __len__(self) -> int:
        return len(self._runs)


def _is_running(run: Run) -> bool:
    return run.work is not None and not run.work.done() and not run.concluded


def _key(run: Run) -> tuple[str, str]:
    return (run.lease.task.queue, run.lease.task.id)
