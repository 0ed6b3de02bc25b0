"""Address, token and time limit of a client, from arguments or the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from queuecore.errors import ConfigError
from taskyard.options import Duration, to_ms

URL = "TASKYARD_URL"
TOKEN = "TASKYARD_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE = "TASKYARD_TOKEN_FILE"  # noqa: S105 - the name of a variable

DEFAULT_TIMEOUT = "30s"
"""Time limit of a call, repeats included."""

TokenSource = Callable[[], str | None]
"""Returns the current token; ``None`` for no token."""


def choose_url(url: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """The address of the API, without a slash at its end.

    Raises:
        ConfigError: there is no address, or it is no URL.
    """
    found, source = (url, "url") if url is not None else (environ.get(URL, ""), URL)
    if not found:
        raise ConfigError(
            f"the address of Taskyard's API is not set: set {URL}, such as http://127.0.0.1:8080, or pass it to the "
            "client or the app as url"
        )
    parts = urlsplit(found)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"{source}: expected a URL such as http://taskyard-api:8080, got {found!r}")
    return found.rstrip("/")


def choose_token(token: str | None, environ: Mapping[str, str] = os.environ) -> TokenSource:
    """The source of the token: the argument, ``TASKYARD_TOKEN``, or the file that ``TASKYARD_TOKEN_FILE`` names.

    A file is read again when it changes, because Kubernetes renews projected tokens. An empty argument means no token.
    """
    found = token if token is not None else environ.get(TOKEN) or None
    if found is not None:
        fixed = found.strip() or None
        return lambda: fixed
    path = environ.get(TOKEN_FILE)
    return _TokenFile(Path(path)) if path else lambda: None


def seconds_of(timeout: Duration, field: str = "timeout") -> float:
    """A time limit in seconds.

    Raises:
        InvalidDuration: it is no duration.
    """
    return to_ms(timeout, field) / 1000


def limit_of(timeout: Duration | None) -> float | None:
    """An optional time limit in seconds."""
    return None if timeout is None else seconds_of(timeout)


class _TokenFile:
    """A token in a file.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: tuple[int, int] | None = None
        self._token: str | None = None

    def __call__(self) -> str | None:
        """The token.

        Raises:
            ConfigError: the file cannot be read.
        """
        try:
            status = self._path.stat()
            version = (status.st_mtime_ns, status.st_ino)
            if version != self._version:
                self._token, self._version = self._path.read_text().strip() or None, version
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{TOKEN_FILE}: the token cannot be read: {error}") from error
        return self._token
