"""What a supervisor has to know of the process that it keeps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from queuecore.errors import TaskyardError


@dataclass(frozen=True)
class Program:
    """A program to keep running."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    pid_path: Path
    find_problem: Callable[[], Awaitable[str | None]]
    """Says why it is not ready; ``None`` when it is."""
    despair: Callable[[int], TaskyardError | None]
    """Says why it is hopeless to start it again, when it ended with this exit code before it was ever ready."""
