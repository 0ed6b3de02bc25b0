from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from queuecore.observe.metrics import definitions as metrics
from tests.monitoring.live_system import LiveSystem
from tests.monitoring.promtool import promtool

EVERY_SERVICE = ["api-0", "scheduler-0", "worker-0", "controller-0"]


@pytest.mark.usefixtures("prometheus")
@pytest.mark.parametrize("pod", EVERY_SERVICE)
def test_promtool_accepts_the_exposition_of_every_pod(live: LiveSystem, pod: str) -> None:
    assert promtool("check", "metrics", stdin=live.metrics(pod)) == ""


@pytest.mark.parametrize("pod", EVERY_SERVICE)
def test_every_series_of_ours_is_defined(live: LiveSystem, pod: str) -> None:
    defined = {each.name.removesuffix("_total") for each in (*metrics.STORED, *metrics.OF_PROCESS)}
    exposed = {family.name for family in text_string_to_metric_families(live.metrics(pod))}
    assert {name for name in exposed if name.startswith("taskyard_")} <= defined
