"""Import of the apps that a worker runs."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from queuecore.errors import ConfigError
from queueworker.handlers import demo
from queueworker.handlers.registry import HandlerRegistry
from taskyard import Taskyard
from taskyard.errors import HandlerError

VARIABLE = "TASKYARD_WORKER_APPS"
ENTRY_POINT_GROUP = "taskyard.handlers"


def load_handlers(apps: Sequence[str], *, with_demo: bool = False) -> HandlerRegistry:
    """Load the handlers of apps and of all installed packages with an entry point.

    Args:
        apps: ``package.module:name`` for one app, or ``package.module`` for all apps at the top level of a module.
        with_demo: add the built-in type ``demo``.

    Raises:
        ConfigError: a module cannot be imported or has no app, a type has two handlers, or there is no handler.
    """
    handlers = HandlerRegistry()
    try:
        for name in apps:
            for app in _find(name):
                handlers.add_app(app)
        for entry_point in entry_points(group=ENTRY_POINT_GROUP):
            handlers.add_app(_checked(entry_point.load(), f"entry point {entry_point.name}"))
    except HandlerError as error:
        raise ConfigError(str(error)) from error
    if with_demo:
        _add_demo(handlers)
    if not handlers:
        raise ConfigError(_nothing_found(apps))
    return handlers


def _nothing_found(apps: Sequence[str]) -> str:
    named = f"the apps of {VARIABLE} ({', '.join(apps)}) have no tasks" if apps else f"{VARIABLE} names no app"
    return (
        f"the worker has no handler: {named}, no installed package has an entry point in the group "
        f"{ENTRY_POINT_GROUP}, and the built-in type demo is off (TASKYARD_WORKER_DEMO); "
        f"name an app, as in {VARIABLE}=shop.tasks:app"
    )


def _add_demo(handlers: HandlerRegistry) -> None:
    try:
        handlers.add_app(demo.app)
    except HandlerError as error:
        raise ConfigError(f"{error}; TASKYARD_WORKER_DEMO=false leaves the built-in one out") from error


def _find(name: str) -> list[Taskyard]:
    module_name, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise ConfigError(f"{VARIABLE}: {name!r} is no module; it takes names as in shop.tasks:app")
    module = _import(module_name)
    if attribute:
        if not hasattr(module, attribute):
            raise ConfigError(f"{VARIABLE}: module {module_name!r} has no {attribute!r} at its top level")
        return [_checked(getattr(module, attribute), f"{module_name}:{attribute}")]
    found = [value for value in vars(module).values() if isinstance(value, Taskyard)]
    if not found:
        raise ConfigError(f"{VARIABLE}: module {module_name!r} has no app at its top level, as in app = Taskyard()")
    return found


def _import(name: str) -> object:
    # As with `python -m`: modules in the working directory are found.
    if not {"", str(Path.cwd())} & set(sys.path):
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise ConfigError(
            f"{VARIABLE}: module {name!r} cannot be imported: {type(error).__name__}: {error}{_place(error)}; "
            "it takes modules that Python finds, as in shop.tasks:app"
        ) from error


def _place(error: Exception) -> str:
    """The line of a module that raised the error; empty for the import itself."""
    frames = traceback.extract_tb(error.__traceback__)
    raised_by = [frame for frame in frames if frame.name == "<module>"]
    return f" ({raised_by[-1].filename}, line {raised_by[-1].lineno})" if raised_by else ""


def _checked(value: object, where: str) -> Taskyard:
    if not isinstance(value, Taskyard):
        raise ConfigError(f"{VARIABLE}: {where} is no app (taskyard.Taskyard) but {type(value).__name__}")
    return value
