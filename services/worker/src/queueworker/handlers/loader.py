"""Import of the handlers that a worker runs."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.metadata import entry_points

from queuecore.errors import ConfigError, InvalidField
from queueworker.handlers import demo
from queueworker.handlers.handler import HandlerError
from queueworker.handlers.registry import Handlers

ENTRY_POINT_GROUP = "taskyard.handlers"


def load_handlers(modules: Sequence[str], *, with_demo: bool = False) -> Handlers:
    """Load the handlers of modules and of all installed packages with an entry point.

    Args:
        modules: ``package.module`` for all :class:`~queueworker.handlers.registry.Handlers` at its top level, or
            ``package.module:name`` for one of them.
        with_demo: add the built-in type ``demo``.

    Raises:
        ConfigError: a module cannot be imported or has no handlers, or a type has two handlers.
    """
    handlers = Handlers()
    try:
        for name in modules:
            for found in _find(name):
                handlers.update(found)
        for entry_point in entry_points(group=ENTRY_POINT_GROUP):
            handlers.update(_checked(entry_point.load(), f"entry point {entry_point.name}"))
    except HandlerError as error:
        raise ConfigError(str(error)) from error
    if with_demo:
        _add_demo(handlers)
    return handlers


def _add_demo(handlers: Handlers) -> None:
    try:
        handlers.update(demo.handlers)
    except HandlerError as error:
        raise ConfigError(f"{error}; TASKYARD_WORKER_DEMO=false leaves the built-in one out") from error


def _find(name: str) -> list[Handlers]:
    module_name, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise ConfigError(f"TASKYARD_WORKER_HANDLERS: {name!r} is no module; it takes names as in myapp.tasks:handlers")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, HandlerError, InvalidField) as error:
        raise ConfigError(
            f"TASKYARD_WORKER_HANDLERS: module {module_name!r} cannot be imported: {error}; "
            "it takes modules that Python finds, as in myapp.tasks"
        ) from error
    if attribute:
        return [_checked(getattr(module, attribute, None), f"{module_name}:{attribute}")]
    found = [value for value in vars(module).values() if isinstance(value, Handlers)]
    if not found:
        raise ConfigError(f"TASKYARD_WORKER_HANDLERS: module {module_name!r} has no Handlers at its top level")
    return found


def _checked(value: object, where: str) -> Handlers:
    if not isinstance(value, Handlers):
        raise ConfigError(f"TASKYARD_WORKER_HANDLERS: {where} is no Handlers but {type(value).__name__}")
    return value
