from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.monitoring.files import RULES
from tests.monitoring.live_system import LiveSystem, running_system
from tests.monitoring.prometheus_server import PrometheusServer, find_binary, running_prometheus
from tests.monitoring.waiting import wait_until

_SCRAPE = "500ms"


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSystem]:
    """All services, without load."""
    with running_system(tmp_path_factory.mktemp("live")) as running:
        yield running


@pytest.fixture(scope="session")
def prometheus_binary() -> str:
    return find_binary("prometheus")


@pytest.fixture(scope="session")
def prometheus(
    prometheus_binary: str, live: LiveSystem, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    """Prometheus after scrapes before, between and after two rounds of load, so that every counter has increased."""
    assert prometheus_binary
    config = {
        "global": {"scrape_interval": _SCRAPE, "scrape_timeout": _SCRAPE, "evaluation_interval": _SCRAPE},
        "rule_files": [str(path) for path in RULES],
        "scrape_configs": live.scrape_configs(),
    }
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), config) as server:
        wait_until(lambda: set(server.targets().values()) == {"up"}, server.targets)
        for spell in (1, 2):
            live.work()
            _wait_until_scraped(server, live, spell)
        yield server


def _wait_until_scraped(server: PrometheusServer, live: LiveSystem, spell: int) -> None:
    """Wait until Prometheus has scraped the current values of every pod."""
    series = "sum by (pod) (taskyard_tasks_archived_total{queue='lost'})"
    expected = {pod: spell for pod in live.urls if pod in {"api-0", "api-1"}}

    def seen() -> dict[str, float]:
        return {each.labels["pod"]: each.value for each in server.query(series)}

    wait_until(lambda: seen() == expected, seen)
