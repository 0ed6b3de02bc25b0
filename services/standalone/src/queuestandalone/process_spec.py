"""Process specification: the input of a supervisor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from queuecore.errors import TaskyardError


@dataclass(frozen=True)
class ProcessSpec:
    """A process to run and restart."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    pid_path: Path
    check_readiness: Callable[[], Awaitable[str | None]]
    """Returns why the process is not ready; ``None`` when it is."""
    fatal_error: Callable[[int], TaskyardError | None]
    """Maps the exit code of a process that was never ready to an error that no restart can fix; ``None`` to restart."""
