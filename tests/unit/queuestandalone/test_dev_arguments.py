from __future__ import annotations

from pathlib import Path

import pytest

from queuecore.errors import ConfigError
from queuestandalone.dev.arguments import make_environment, parse_arguments


def test_apps_of_arguments_precede_the_environment_and_this_the_file() -> None:
    environ = {"TASKYARD_WORKER_APPS": "environ:app"}
    given, none = parse_arguments(["a:app", "b:app"]), parse_arguments([])
    assert make_environment(given, environ, ["file:app"])["TASKYARD_WORKER_APPS"] == "a:app,b:app"
    assert make_environment(none, environ, ["file:app"])["TASKYARD_WORKER_APPS"] == "environ:app"
    assert make_environment(none, {}, ["file:app", "x"])["TASKYARD_WORKER_APPS"] == "file:app,x"


def test_refusal_names_all_places_when_no_app_is_named() -> None:
    with pytest.raises(ConfigError, match=r"taskyard dev shop.tasks:app, or set TASKYARD_WORKER_APPS.*pyproject.toml"):
        make_environment(parse_arguments([]), {}, [])


def test_options_become_variables_that_precede_the_environment() -> None:
    arguments = parse_arguments(["a:app", "--port", "9000", "--data-dir", "/d", "--watch", "/w", "--no-reload"])
    made = make_environment(arguments, {"TASKYARD_API_PORT": "1", "HOME": "/h"}, [])
    assert (made["TASKYARD_API_PORT"], made["TASKYARD_DATA_DIR"], made["HOME"]) == ("9000", "/d", "/h")
    assert "TASKYARD_REDIS_URL" not in made
    assert (arguments.watched, arguments.reload) == ((Path("/w"),), False)


def test_log_is_for_people_unless_the_environment_says_otherwise() -> None:
    arguments = parse_arguments(["a:app"])
    assert make_environment(arguments, {}, [])["TASKYARD_LOG_FORMAT"] == "human"
    assert make_environment(arguments, {"TASKYARD_LOG_FORMAT": "json"}, [])["TASKYARD_LOG_FORMAT"] == "json"
