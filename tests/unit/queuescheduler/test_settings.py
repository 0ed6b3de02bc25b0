from __future__ import annotations

import pytest

from queuecore.errors import ConfigError
from queuecore.settings.loader import describe, load
from queuescheduler.settings import PREFIX, SchedulerSettings


def read(**environ: str) -> SchedulerSettings:
    return load(SchedulerSettings, environ, PREFIX)


def test_settings_have_these_defaults() -> None:
    settings = read()
    assert (settings.poison_losses, settings.probe_port) == (2, 9090)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TASKYARD_SCHEDULER_POISON_LOSSES", "0"),
        ("TASKYARD_SCHEDULER_PROBE_PORT", "-1"),
        ("TASKYARD_SCHEDULER_POISON", "2"),
    ],
)
def test_settings_name_the_variable_when_its_value_is_wrong(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        read(**{variable: value})


def test_every_variable_is_described() -> None:
    rows = list(describe(SchedulerSettings, PREFIX))
    assert [row.name for row in rows if not row.description] == []
