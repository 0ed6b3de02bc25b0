from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.monitoring.files import RULES
from tests.monitoring.place import Place, running_place
from tests.monitoring.prometheus_server import PrometheusServer, find_binary, running_prometheus
from tests.monitoring.waiting import wait_until

_SCRAPE = "500ms"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """All services, idle."""
    with running_place(tmp_path_factory.mktemp("place")) as running:
        yield running


@pytest.fixture(scope="session")
def prometheus_binary() -> str:
    return find_binary("prometheus")


@pytest.fixture(scope="session")
def prometheus(
    prometheus_binary: str, place: Place, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    """Has scraped all services before, between and after two spells of work, so that every counter has grown."""
    assert prometheus_binary
    config = {
        "global": {"scrape_interval": _SCRAPE, "scrape_timeout": _SCRAPE, "evaluation_interval": _SCRAPE},
        "rule_files": [str(path) for path in RULES],
        "scrape_configs": place.scrape_configs(),
    }
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), config) as server:
        wait_until(lambda: set(server.targets().values()) == {"up"}, server.targets)
        for spell in (1, 2):
            place.work()
            _wait_until_scraped(server, place, spell)
        yield server


def _wait_until_scraped(server: PrometheusServer, place: Place, spell: int) -> None:
    """Wait until every pod's present numbers have reached Prometheus."""
    series = "sum by (pod) (taskyard_tasks_archived_total{queue='lost'})"
    expected = {pod: spell for pod in place.urls if pod in {"api-0", "api-1"}}

    def seen() -> dict[str, float]:
        return {each.labels["pod"]: each.value for each in server.query(series)}

    wait_until(lambda: seen() == expected, seen)
