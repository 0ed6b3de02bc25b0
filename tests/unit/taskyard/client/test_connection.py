from __future__ import annotations

import os
from pathlib import Path

import pytest

from queuecore.errors import ConfigError, InvalidDuration
from taskyard import Client
from taskyard.client.connection import choose_token, choose_url


def test_url_of_the_argument_precedes_that_of_the_environment() -> None:
    environ = {"TASKYARD_URL": "http://api:8080/"}
    assert choose_url("http://other", environ) == "http://other"
    assert choose_url(None, environ) == "http://api:8080"


@pytest.mark.parametrize("environ", [{}, {"TASKYARD_URL": ""}])
def test_missing_url_names_the_variable(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="set TASKYARD_URL, such as"):
        choose_url(None, environ)


@pytest.mark.parametrize("url", ["api:8080", "ftp://api", "http://", "http://api?x=1", "http://api#x", ""])
def test_url_is_refused_when_it_is_none_of_http(url: str) -> None:
    with pytest.raises(ConfigError):
        choose_url(url, {})


def test_token_of_the_argument_precedes_variable_and_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("of the file\n")
    environ = {"TASKYARD_TOKEN": "of the variable", "TASKYARD_TOKEN_FILE": str(file)}
    assert choose_token("of the argument", environ)() == "of the argument"
    assert choose_token(None, environ)() == "of the variable"
    assert choose_token(None, {"TASKYARD_TOKEN_FILE": str(file)})() == "of the file"
    assert choose_token("", environ)() is None
    assert choose_token(None, {})() is None


def test_token_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    token = choose_token(None, {"TASKYARD_TOKEN_FILE": str(file)})
    assert token() == "first"
    renewed = tmp_path / "renewed"
    renewed.write_text("second")
    os.replace(renewed, file)  # noqa: PTH105 - as Kubernetes renews it
    assert token() == "second"


def test_unreadable_token_names_the_variable(tmp_path: Path) -> None:
    token = choose_token(None, {"TASKYARD_TOKEN_FILE": str(tmp_path / "missing")})
    with pytest.raises(ConfigError, match="TASKYARD_TOKEN_FILE"):
        token()


def test_time_limit_is_refused_when_it_is_no_duration() -> None:
    with pytest.raises(InvalidDuration, match="timeout"):
        Client("http://api", timeout="soon")
