from __future__ import annotations

from typing import Any

import pytest

from queuecontroller.errors import InvalidSpec
from queuecontroller.plan.spec import read_spec
from tests.support.kubernetes.pool_schema import fill_defaults, pool_schema

LEAST = {
    "scaleTargetRef": {"name": "worker"},
    "queues": ["default"],
    "maxReplicas": 50,
    "slotsPerReplica": 10,
    "target": {"drain": "30s"},
    "metrics": {"endpoint": "http://api:8080/metrics"},
}


def test_defaults_equal_those_of_the_schema() -> None:
    filled = fill_defaults(pool_schema()["properties"]["spec"], LEAST)

    assert read_spec(filled) == read_spec(LEAST)


def test_durations_are_read_as_seconds() -> None:
    spec = read_spec({**LEAST, "lookAhead": "1m30s", "idleAfter": "1.5h"})

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
        ({"metrics": {}}, "exactly one of endpoint and prometheus"),
        ({"metrics": {"endpoint": "http://a", "prometheus": {"url": "http://b"}}}, "exactly one"),
        ({"metrics": {"endpoint": "file:///etc/passwd"}}, "endpoint"),
        ({"scaleTargetRef": {"kind": "StatefulSet", "name": "x"}}, "StatefulSet"),
        ({"behavior": {"scaleUp": {"selectPolicy": "Most"}}}, "Most"),
        ({"tolerance": 2}, "tolerance"),
    ],
)
def test_spec_is_rejected_when_it_is_invalid(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        read_spec({**LEAST, **changes})

    assert message in str(refused.value)


@pytest.mark.parametrize("missing", LEAST)
def test_spec_is_rejected_when_a_field_is_missing(missing: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        read_spec({name: value for name, value in LEAST.items() if name != missing})

    assert missing in str(refused.value)
