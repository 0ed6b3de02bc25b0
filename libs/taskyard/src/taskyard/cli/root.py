"""The command ``taskyard``: all commands under one name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from taskyard.cli.commands.batch import batch
from taskyard.cli.commands.doctor import doctor
from taskyard.cli.commands.enqueue import enqueue
from taskyard.cli.commands.new import new
from taskyard.cli.commands.overview import list_tasks, queues, types, workers
from taskyard.cli.commands.tasks import cancel, delete, get, run, wait
from taskyard.cli.commands.top import top
from taskyard.cli.exit_code import ExitCode
from taskyard.cli.installed import GROUP, names
from taskyard.cli.session import with_session

_EPILOG = (
    "Exit codes: 0 done, 1 refused, 2 invalid arguments or configuration, 3 no such task, 4 the task failed, "
    "5 it has not ended in time, 6 the API does not answer, 7 it refuses the token."
)

app = typer.Typer(
    name="taskyard",
    help="Enqueue and operate tasks.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_COMMANDS: dict[str, dict[str, Callable[..., ExitCode | None]]] = {
    "Tasks": {
        "enqueue": enqueue,
        "batch": batch,
        "get": get,
        "wait": wait,
        "list": list_tasks,
        "cancel": cancel,
        "run": run,
        "delete": delete,
    },
    "System": {"queues": queues, "workers": workers, "types": types, "top": top, "doctor": doctor},
}
"""The commands by the heading that help shows."""


def _show_version(is_asked: bool) -> None:
    if is_asked:
        sys.stdout.write(f"taskyard {version('taskyard')}\n")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the release.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Enqueue and operate tasks."""


def _add_installed(name: str) -> None:
    # For the list of commands and for completion: taskyard.cli.installed runs it before this module is imported.
    @app.command(name, help=f"Installed command, from the entry points of {GROUP}.", rich_help_panel="Installed")
    def installed() -> None:
        raise typer.Exit(2)


for _panel, _commands in _COMMANDS.items():
    for _name, _function in _commands.items():
        app.command(_name, rich_help_panel=_panel)(with_session(_function))
app.command("new", rich_help_panel="Development")(new)
for _name in names():
    _add_installed(_name)
