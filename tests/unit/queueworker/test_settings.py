from __future__ import annotations

import pytest

from queuecore.errors import ConfigError
from queuecore.settings.loader import describe, load
from queueworker.queue_order import StrictOrder, WeightedOrder
from queueworker.settings import PREFIX, WorkerSettings


def read(**environ: str) -> WorkerSettings:
    return load(WorkerSettings, environ, PREFIX)


def test_settings_have_these_defaults() -> None:
    settings = read()
    assert settings.order(["mail", "default"]).queues == ["mail", "default"]
    assert (settings.slots, settings.processes, settings.demo, settings.apps) == (100, 0, True, ())
    assert (settings.lease_ms, settings.drain_ms, settings.safety_poll_ms) == (15_000, 25_000, 5_000)
    assert settings.probe_port == 9090


def test_queues_have_weights() -> None:
    order = read(TASKYARD_WORKER_QUEUES="critical:6, default:3,low").order(["mail"])
    assert isinstance(order, WeightedOrder)
    assert order.allocate(10, order.queues) == [("critical", 6), ("default", 3), ("low", 1)]


def test_queues_are_served_in_strict_order_when_asked_for() -> None:
    order = read(TASKYARD_WORKER_QUEUES="critical:6,default", TASKYARD_WORKER_QUEUE_ORDER="strict").order(["mail"])
    assert isinstance(order, StrictOrder)
    assert order.queues == ["critical", "default"]


def test_apps_are_a_list_of_names() -> None:
    assert read(TASKYARD_WORKER_APPS="a.b, c:d").apps == ("a.b", "c:d")


@pytest.mark.parametrize(
    "queues",
    [
        "default:0",
        "default:-1",
        "default:1.5",
        "default:many",
        "default:",
        ":3",
        "default:1:2",
        "default:1000000",
        "two words",
        "{braces}",
        "x" * 129,
        ",",
    ],
)
def test_settings_name_the_variable_when_queues_are_wrong(queues: str) -> None:
    with pytest.raises(ConfigError, match="TASKYARD_WORKER_QUEUES"):
        read(TASKYARD_WORKER_QUEUES=queues)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TASKYARD_WORKER_SLOTS", "0"),
        ("TASKYARD_WORKER_SLOTS", "10001"),
        ("TASKYARD_WORKER_PROCESSES", "-1"),
        ("TASKYARD_WORKER_LEASE", "999ms"),
        ("TASKYARD_WORKER_LEASE", "15"),
        ("TASKYARD_WORKER_DRAIN", "soon"),
        ("TASKYARD_WORKER_SAFETY_POLL", "1ms"),
        ("TASKYARD_WORKER_QUEUE_ORDER", "random"),
        ("TASKYARD_WORKER_DEMO", "perhaps"),
        ("TASKYARD_WORKER_PROBE_PORT", "65536"),
        ("TASKYARD_WORKER_QUEUE", "default"),
    ],
)
def test_settings_name_the_variable_when_its_value_is_wrong(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        read(**{variable: value})


def test_every_variable_is_described() -> None:
    rows = list(describe(WorkerSettings, PREFIX))
    assert {"TASKYARD_WORKER_QUEUES", "TASKYARD_WORKER_LEASE", "TASKYARD_REDIS_URL"} <= {row.name for row in rows}
    assert [row.name for row in rows if not row.description] == []
