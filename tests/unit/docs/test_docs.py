"""Links, make targets, variables, metrics and tests named in the documentation exist; generated pages are current."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest
from docs import generate_metrics
from docs.generate_configuration import CLIENT, OUTBOX, SERVICES, TARGET, render

from queuecore.domain.state import TRANSITIONS
from queuecore.observe.metrics.definitions import OF_PROCESS, STORED
from queuecore.settings.loader import describe
from tests.unit.docs.pages import PAGES, ROOT, page_id

OUR_METRICS = re.compile(r"taskyard_[a-z_]*[a-z]")
GONE = {"TASKYARD_WORKER_HANDLERS"}
"""Variables of earlier releases, which pages about upgrades name."""
OUR_VARIABLES = re.compile(r"TASKYARD_[A-Z][A-Z_]*[A-Z]")


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_make_targets_exist(page: Path) -> None:
    named = set(re.findall(r"`(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]+)", page.read_text()))
    targets = set(re.findall(r"^([a-z][a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_variables_exist(page: Path) -> None:
    rows = chain.from_iterable(describe(kind, prefix) for _, kind, prefix in SERVICES)
    known = {row.name for row in (*rows, *CLIENT, *OUTBOX)} | GONE
    prefixes = {"TASKYARD_REDIS", "TASKYARD_LOG", *(prefix.rstrip("_") for _, _, prefix in SERVICES)}
    assert set(OUR_VARIABLES.findall(page.read_text())) - prefixes <= known


def test_configuration_page_is_current() -> None:
    assert TARGET.read_text() == render(), "run `make docs`"


def test_metrics_page_is_current() -> None:
    assert generate_metrics.TARGET.read_text() == generate_metrics.render(), "run `make docs`"


def test_metrics_page_has_every_metric_once() -> None:
    listed = [each.name for _, _, definitions in generate_metrics.SECTIONS for each in definitions]
    assert sorted(listed) == sorted(each.name for each in (*STORED, *OF_PROCESS))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_metrics_exist(page: Path) -> None:
    named = {
        name
        for name in OUR_METRICS.findall(page.read_text())
        if name.endswith(("_total", "_seconds", "_bytes", "_tasks", "_ready", "_unknown"))
    }
    assert named <= {each.name for each in (*STORED, *OF_PROCESS)}


def test_picture_of_the_states_is_the_table() -> None:
    text = (ROOT / "docs" / "state-machine.md").read_text()
    arrows = re.findall(r"^\s+(\S+) --> (\S+): (.+)$", text, re.MULTILINE)
    drawn = {(None if start == "[*]" else start, event): None if end == "[*]" else end for start, end, event in arrows}
    assert len(drawn) == len(arrows)
    assert drawn == {
        (state.value if state else None, event.value): after.value if after else None
        for (state, event), after in TRANSITIONS.items()
    }


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_tests_exist(page: Path) -> None:
    named = re.findall(r"`([a-z_/]+\.py)::(test_\w+)`", page.read_text())
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / "tests" / file).is_file() or f"def {name}(" not in (ROOT / "tests" / file).read_text()
    ]
    assert missing == []
