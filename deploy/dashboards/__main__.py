"""``python -m deploy.dashboards`` writes the dashboards; with ``--check``, it reports stale ones."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.dashboards.overview import overview
from deploy.dashboards.queue import queue
from deploy.dashboards.scheduler import scheduler
from deploy.dashboards.store import store
from deploy.dashboards.workerpools import workerpools
from deploy.dashboards.workers import workers

TARGET = Path(__file__).parents[2] / "charts" / "taskyard" / "files" / "dashboards"
MAKERS = (overview, queue, workers, scheduler, workerpools, store)


def make_files() -> dict[Path, str]:
    """Path and content of every dashboard."""
    return {TARGET / f"{board.name}.json": board.to_json() for board in (make() for make in MAKERS)}


def find_stale() -> list[Path]:
    """Files with outdated content, and files without a dashboard."""
    files = make_files()
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return stale + sorted(set(TARGET.glob("*.json")) - set(files))


def main(arguments: list[str]) -> int:
    """Run the command.

    Returns:
        The exit code.
    """
    if arguments == ["--check"]:
        stale = find_stale()
        for path in stale:
            sys.stderr.write(f"{path.name} is stale; run make dashboards\n")
        return 1 if stale else 0
    for path in TARGET.glob("*.json"):
        path.unlink()
    for path, text in make_files().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
