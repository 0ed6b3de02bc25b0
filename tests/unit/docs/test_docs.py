"""What the documentation says is so: links, targets, variables, the picture of the states."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest
from docs.generate_configuration import SERVICES, TARGET, render

from queuecore.config import describe
from queuecore.domain.state import TRANSITIONS

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(ROOT).parts)
)
OUR_VARIABLES = re.compile(r"TASKYARD_[A-Z][A-Z_]*[A-Z]")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_exist(page: Path) -> None:
    named = set(re.findall(r"`(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]+)", page.read_text()))
    targets = set(re.findall(r"^([a-z][a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_variables_exist(page: Path) -> None:
    rows = chain.from_iterable(describe(kind, prefix) for _, kind, prefix in SERVICES)
    known = {row.name for row in rows}
    prefixes = {"TASKYARD_REDIS", "TASKYARD_LOG", *(prefix.rstrip("_") for _, _, prefix in SERVICES)}
    assert set(OUR_VARIABLES.findall(page.read_text())) - prefixes <= known


def test_configuration_page_is_current() -> None:
    assert TARGET.read_text() == render(), "run `make docs`"


def test_picture_of_the_states_is_the_table() -> None:
    text = (ROOT / "docs" / "state-machine.md").read_text()
    arrows = re.findall(r"^\s+(\S+) --> (\S+): (.+)$", text, re.MULTILINE)
    drawn = {(None if start == "[*]" else start, event): None if end == "[*]" else end for start, end, event in arrows}
    assert len(drawn) == len(arrows)
    assert drawn == {
        (state.value if state else None, event.value): after.value if after else None
        for (state, event), after in TRANSITIONS.items()
    }
