from __future__ import annotations

from typing import Any

import msgspec
import pytest

from queuecontroller.errors import InvalidSpec
from queuecontroller.plan.spec import read_spec
from queueworker.settings import WorkerSettings
from tests.support.kubernetes.pool_schema import fill_defaults, pool_schema

LEAST = {
    "scaleTargetRef": {"name": "worker"},
    "queues": ["default"],
    "maxReplicas": 50,
}
METRICS = "http://api:8080/metrics"


def test_defaults_equal_those_of_the_schema() -> None:
    filled = fill_defaults(pool_schema()["properties"]["spec"], LEAST)

    assert read_spec(filled, METRICS) == read_spec(LEAST, METRICS)


def test_default_slots_are_those_of_a_worker() -> None:
    (slots,) = (each.default for each in msgspec.structs.fields(WorkerSettings) if each.name == "slots")

    assert read_spec(LEAST, METRICS).slots_per_replica == slots


@pytest.mark.parametrize(
    "metrics", [{}, {"metrics": {}}, {"metrics": {"timeout": "2s"}}], ids=["none", "empty", "timeout"]
)
def test_metrics_are_those_of_the_release_when_the_spec_names_no_source(metrics: dict[str, Any]) -> None:
    assert read_spec({**LEAST, **metrics}, METRICS).metrics.endpoint == METRICS

    with pytest.raises(InvalidSpec, match=r"spec\.metrics\.endpoint .* TASKYARD_CONTROLLER_METRICS_ENDPOINT"):
        read_spec({**LEAST, **metrics})


def test_metrics_are_those_of_the_spec_when_it_names_a_source() -> None:
    prometheus = {"prometheus": {"url": "http://prometheus"}, "workersEndpoint": "http://other/workers"}

    assert read_spec({**LEAST, "metrics": prometheus}, METRICS).metrics.endpoint is None
    assert read_spec({**LEAST, "metrics": {"endpoint": "http://own"}}, METRICS).metrics.endpoint == "http://own"


def test_durations_are_read_as_seconds() -> None:
    spec = read_spec({**LEAST, "lookAhead": "1m30s", "idleAfter": "1.5h"}, METRICS)

    assert [float(spec.look_ahead), float(spec.idle_after)] == [90, 5400]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"maxReplicas": "many"}, "maxReplicas"),
        ({"maxReplicas": None}, "maxReplicas"),
        ({"minReplicas": 51}, "minReplicas (51) is more than maxReplicas (50)"),
        ({"queues": []}, "queues"),
        ({"slotsPerReplica": 0}, "slotsPerReplica"),
        ({"target": {}}, "neither drain nor tasksPerReplica"),
        ({"target": {"drain": "0s"}}, "target.drain is 0s"),
        ({"target": {"drain": "soon"}}, "a duration such as 30s"),
        ({"target": {"drain": 30}}, "a duration such as 30s"),
        ({"target": {"drain": "30s", "utilization": 101}}, "utilization"),
        ({"metrics": {"endpoint": "http://a", "prometheus": {"url": "http://b"}}}, "both endpoint and prometheus"),
        ({"metrics": {"endpoint": "file:///etc/passwd"}}, "endpoint"),
        ({"scaleTargetRef": {"kind": "StatefulSet", "name": "x"}}, "StatefulSet"),
        ({"behavior": {"scaleUp": {"selectPolicy": "Most"}}}, "Most"),
        ({"tolerance": 2}, "tolerance"),
    ],
)
def test_spec_is_rejected_when_it_is_invalid(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        read_spec({**LEAST, **changes}, METRICS)

    assert message in str(refused.value)


@pytest.mark.parametrize("missing", LEAST)
def test_spec_is_rejected_when_a_field_is_missing(missing: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        read_spec({name: value for name, value in LEAST.items() if name != missing}, METRICS)

    assert missing in str(refused.value)
