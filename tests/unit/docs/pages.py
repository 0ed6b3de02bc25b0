"""Markdown pages of the repository."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(ROOT).parts)
)


def page_id(path: Path) -> str:
    """The path relative to the repository, as the id of a parametrized test."""
    return str(path.relative_to(ROOT))
