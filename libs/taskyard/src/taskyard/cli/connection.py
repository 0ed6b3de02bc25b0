"""The API that a command calls: arguments take precedence over the environment, and this over ``pyproject.toml``."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from queuecore.errors import ConfigError
from taskyard.cli.project_file import ProjectSettings
from taskyard.client.connection import TOKEN, TOKEN_FILE, URL, TokenSource, choose_token, choose_url


class Connection(msgspec.Struct, frozen=True):
    """Address and token."""

    url: str
    token: TokenSource


def choose_connection(
    url: str | None, token_file: str | None, environ: Mapping[str, str], project: ProjectSettings
) -> Connection:
    """Choose address and token.

    Args:
        url: the argument ``--url``.
        token_file: the argument ``--token-file``.
        environ: the environment.
        project: the configuration file.

    Raises:
        ConfigError: there is no address, or it is no URL.
    """
    variables = {name: environ[name] for name in (URL, TOKEN, TOKEN_FILE) if environ.get(name)}
    if project.url is not None:
        variables.setdefault(URL, project.url)
    if project.token_file is not None:
        variables.setdefault(TOKEN_FILE, project.token_file)
    if token_file is not None:
        variables.pop(TOKEN, None)
        variables[TOKEN_FILE] = token_file
    if url is None and not variables.get(URL):
        raise ConfigError(
            f"the address of Taskyard's API is not set: set {URL}, such as http://127.0.0.1:8080, pass --url, or set "
            "url in [tool.taskyard] of pyproject.toml"
        )
    return Connection(choose_url(url, variables), choose_token(None, variables))
