from __future__ import annotations

import pytest

from queueapi.settings import PREFIX, ApiSettings
from queuecore.errors import ConfigError
from queuecore.settings.loader import load


def read(**environ: str) -> ApiSettings:
    return load(ApiSettings, environ, PREFIX)


def test_settings_have_these_defaults() -> None:
    settings = read()

    assert (settings.host, settings.port, settings.unknown_types) == ("127.0.0.1", 8080, "reject")
    assert (settings.max_payload_bytes, settings.max_body_bytes) == (1_048_576, 16_777_216)
    assert (settings.task_body_limit_bytes, settings.in_flight_limit_bytes) == (2_162_688, 50_331_648)
    assert (settings.timeout_ms, settings.max_retries, settings.retention_ms) == (1_800_000, 25, 3_600_000)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_settings_need_no_auth_mode_when_the_host_is_loopback(host: str) -> None:
    assert read(TASKYARD_API_HOST=host).auth is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com"])
def test_settings_ask_for_an_auth_mode_when_the_host_can_be_reached_from_elsewhere(host: str) -> None:
    with pytest.raises(ConfigError, match="TASKYARD_API_AUTH"):
        read(TASKYARD_API_HOST=host)

    assert read(TASKYARD_API_HOST=host, TASKYARD_API_AUTH="none").auth == "none"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TASKYARD_API_PORT", "http"),
        ("TASKYARD_API_PORT", "70000"),
        ("TASKYARD_API_AUTH", "magic"),
        ("TASKYARD_API_UNKNOWN_TYPES", "maybe"),
        ("TASKYARD_API_MAX_PAYLOAD", "big"),
        ("TASKYARD_API_MAX_BODY", "1KiB"),
        ("TASKYARD_API_MAX_TASK_BODY", "1KiB"),
        ("TASKYARD_API_MAX_TASK_BODY", "17MiB"),
        ("TASKYARD_API_MAX_IN_FLIGHT", "31MiB"),
        ("TASKYARD_API_TIMEOUT", "0s"),
        ("TASKYARD_API_MAX_RETRIES", "-1"),
    ],
)
def test_settings_name_the_variable_when_its_value_is_wrong(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        read(**{variable: value})
