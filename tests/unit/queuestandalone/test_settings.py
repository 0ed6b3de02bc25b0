from __future__ import annotations

from pathlib import Path

import pytest

from queuecore.errors import ConfigError
from queuestandalone.settings import read_settings


def test_settings_have_the_documented_defaults_when_nothing_is_set() -> None:
    settings = read_settings({})

    assert settings.api_host == "127.0.0.1"
    assert settings.api_port == 8080
    assert settings.data_dir == Path(".taskyard")
    assert settings.redis_url is None


def test_settings_ignore_variables_when_they_belong_to_a_service() -> None:
    settings = read_settings({"TASKYARD_API_PORT": "9000", "TASKYARD_API_UNKNOWN_TYPES": "accept"})

    assert settings.api_port == 9000


@pytest.mark.parametrize("text", ["http", "0", "65536"])
def test_settings_name_the_variable_when_a_port_is_wrong(text: str) -> None:
    with pytest.raises(ConfigError, match=rf"TASKYARD_API_PORT: expected an integer, .*got '{text}'"):
        read_settings({"TASKYARD_API_PORT": text})
