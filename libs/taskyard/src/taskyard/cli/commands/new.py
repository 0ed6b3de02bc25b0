"""``taskyard new``: write a small service to start from."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from queuecore.errors import TaskyardError
from taskyard.cli.exit_code import exit_code_of
from taskyard.cli.printer import Printer
from taskyard.cli.project.scaffold import render_project, write_project


def new(
    name: Annotated[str, typer.Argument(help="Name of the service, its queue and its worker pool.")],
    folder: Annotated[
        Path | None, typer.Option(help="Folder to write, which is new or empty; without it, NAME.")
    ] = None,
) -> None:
    """Write a small service: task, test, Dockerfile, values for the chart."""
    printer = Printer(as_json=False)
    target = folder or Path(name)
    try:
        texts = render_project(name, version("taskyard"))
        write_project(texts, target)
    except TaskyardError as error:
        printer.error(error)
        raise typer.Exit(exit_code_of(error)) from error
    for path in texts:
        printer.text(str(target / path))
    printer.note(f"Next: cd {target}; pytest; taskyard dev")
