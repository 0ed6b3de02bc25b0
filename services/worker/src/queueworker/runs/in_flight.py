"""The leases that this worker holds: running tasks, and those whose outcome the store has not taken yet."""

from __future__ import annotations

from queueworker.runs.run import Run


class InFlightRuns:
    """The runs whose leases must be renewed, by queue and task id."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], Run] = {}

    def add(self, run: Run) -> None:
        """Hold a run from now on."""
        self._runs[_key(run)] = run

    def drop(self, run: Run) -> None:
        """Hold a run no more, unless a newer lease of its task has taken its place."""
        if self._runs.get(_key(run)) is run:
            del self._runs[_key(run)]

    def find(self, queue: str, task_id: str) -> Run | None:
        """The run of a task, if it is held."""
        return self._runs.get((queue, task_id))

    def all(self) -> list[Run]:
        """All that is held now."""
        return list(self._runs.values())

    def running(self) -> list[Run]:
        """Those whose handler is not done."""
        return [run for run in self._runs.values() if _is_running(run)]

    def is_running(self, run: Run) -> bool:
        """Whether it is held and its handler is not done."""
        return self._runs.get(_key(run)) is run and _is_running(run)

    def __len__(self) -> int:
        return len(self._runs)


def _is_running(run: Run) -> bool:
    return run.work is not None and not run.work.done()


def _key(run: Run) -> tuple[str, str]:
    return (run.lease.task.queue, run.lease.task.id)
