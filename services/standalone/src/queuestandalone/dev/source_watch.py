"""Source watch: the Python files that were saved. The only module that uses watchfiles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from watchfiles import PythonFilter, awatch


async def watch_sources(folders: Sequence[Path]) -> AsyncIterator[list[Path]]:
    """Yield the Python files that change, those of one save together; virtual environments and caches are left out."""
    async for changes in awatch(*folders, watch_filter=PythonFilter()):
        yield sorted({Path(path) for _, path in changes})
