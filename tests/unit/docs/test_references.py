"""References from pages to headings, modules, log events and the output of ``make run``."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from queuestandalone.addresses import Addresses
from queuestandalone.banner import format_banner
from tests.unit.docs.pages import PAGES, ROOT, page_id

RUNBOOKS = sorted((ROOT / "docs" / "operations" / "runbooks").glob("*.md"))
CURRENT_PAGES = [page for page in PAGES if page.parent.name != "decisions"]
_MODULE = re.compile(r"`(queue(?:core|api|worker|scheduler|controller|standalone)(?:\.\w+)+)`")


def _anchors(page: Path) -> set[str]:
    """The anchors that a Markdown renderer makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_anchors_of_links_are_headings(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text())
    missing = [
        f"{path}#{anchor}" for path, anchor in links if anchor not in _anchors(page.parent / path if path else page)
    ]
    assert missing == []


@pytest.mark.parametrize("page", CURRENT_PAGES, ids=page_id)
def test_named_modules_exist(page: Path) -> None:
    missing = [name for name in _MODULE.findall(page.read_text()) if not _exists(name)]
    assert missing == []


def _exists(name: str) -> bool:
    """Whether a dotted name is a module, or a member of one."""
    parent, _, member = name.rpartition(".")
    try:
        import_module(name)
    except ModuleNotFoundError:
        return bool(parent) and _exists(parent) and hasattr(import_module(parent), member)
    return True


@pytest.mark.parametrize("page", RUNBOOKS, ids=page_id)
def test_log_events_that_runbooks_search_exist(page: Path) -> None:
    sources = [path.read_text() for folder in ("libs", "services") for path in (ROOT / folder).rglob("src/**/*.py")]
    searched = re.findall(r"\| grep (\w+)", page.read_text())
    assert [word for word in searched if not any(word in source for source in sources)] == []


def test_readme_shows_the_output_of_make_run() -> None:
    block = re.search(r"^\$ make run\n(.+?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert block is not None
    addresses = Addresses("127.0.0.1", 8080, 9091, 9092, "redis://127.0.0.1:6379/0")
    printed = format_banner(addresses, Path("/tmp/taskyard/.taskyard"))
    pattern = ".*".join(re.escape(part) for part in re.split(r"\s*\.\.\.\s*", block[1]))
    assert re.search(pattern, printed, re.DOTALL), pattern
