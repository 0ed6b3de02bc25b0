"""Session: the options that all commands take, the client made from them, and the exit code after an error."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from queuecore.errors import TaskyardError
from taskyard.cli.api import Api
from taskyard.cli.connection import Connection, choose_connection
from taskyard.cli.exit_code import ExitCode, exit_code_of
from taskyard.cli.printer import Printer
from taskyard.cli.project_file import read_project
from taskyard.client import Client
from taskyard.client.connection import DEFAULT_TIMEOUT, seconds_of
from taskyard.client.transport import HttpTransport

P = ParamSpec("P")

_PANEL = "Connection and output"


class Session:
    """One run of a command. The connection is opened on first use.

    Args:
        url: address of the API.
        token_file: a file that holds the token.
        api_timeout: time limit of each call, a duration.
        printer: writes the output.
    """

    def __init__(self, url: str | None, token_file: str | None, api_timeout: str, printer: Printer) -> None:
        self._url = url
        self._token_file = token_file
        self._timeout = api_timeout
        self.printer = printer
        self._transport: HttpTransport | None = None

    @functools.cached_property
    def url(self) -> str:
        """Address of the API.

        Raises:
            ConfigError: none is set.
        """
        return self._connection.url

    @functools.cached_property
    def client(self) -> Client:
        """The client for tasks and queues."""
        return Client(self.url, token="", timeout=self._timeout, transport=self._http)

    @functools.cached_property
    def api(self) -> Api:
        """The system's side of the API."""
        return Api(self.url, self._http, seconds_of(self._timeout, "--api-timeout"))

    def close(self) -> None:
        """Close the connections."""
        if self._transport is not None:
            self._transport.close()

    @functools.cached_property
    def _connection(self) -> Connection:
        return choose_connection(self._url, self._token_file, os.environ, read_project(Path.cwd()))

    @functools.cached_property
    def _http(self) -> HttpTransport:
        self._transport = HttpTransport(self._connection.url, self._connection.token)
        return self._transport


def with_session(function: Callable[Concatenate[Session, P], ExitCode | None]) -> Callable[..., None]:
    """Make a command of a function: the options of the session take the place of its first parameter.

    The command opens and closes the session, reports errors, and exits with the code of the error or of the function.
    """

    def command(**values: Any) -> None:
        options = {name: values.pop(name) for name in _OPTIONS}
        printer = Printer(as_json=options.pop("as_json"))
        session = Session(printer=printer, **options)
        try:
            code = function(session, **values)  # type: ignore[call-arg]
        except TaskyardError as error:
            printer.error(error)
            code = exit_code_of(error)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        except BrokenPipeError:
            # The reader of a pipe, such as head, has ended; a later flush must not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            code = ExitCode.DONE
        finally:
            session.close()
        raise typer.Exit(code or ExitCode.DONE)

    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    added = list(inspect.signature(_declare_options, eval_str=True).parameters.values())
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *added)]
    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


def _declare_options(
    url: Annotated[
        str | None,
        typer.Option(
            help="Address of the API; without it, TASKYARD_URL or url in \\[tool.taskyard] of pyproject.toml.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    token_file: Annotated[
        str | None,
        typer.Option(
            help="A file that holds the token; without it, TASKYARD_TOKEN, TASKYARD_TOKEN_FILE or token_file in "
            "\\[tool.taskyard].",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    api_timeout: Annotated[
        str, typer.Option(help="Time limit of each call of the API, with its repeats.", rich_help_panel=_PANEL)
    ] = DEFAULT_TIMEOUT,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write JSON, one object per line.", rich_help_panel=_PANEL)
    ] = False,
) -> None:
    """Declares the options that all commands take."""


_OPTIONS = tuple(inspect.signature(_declare_options).parameters)
