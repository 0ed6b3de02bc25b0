"""The Taskyard worker. Handler modules import from here; all other modules are internal.

The names are imported on first use: the command must not wait for them before it handles SIGTERM.
"""

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queueworker.handlers.context import TaskContext
    from queueworker.handlers.errors import DoNotRetry, Retry
    from queueworker.handlers.registry import Handlers
else:
    _MODULES = {
        "DoNotRetry": "queueworker.handlers.errors",
        "Handlers": "queueworker.handlers.registry",
        "Retry": "queueworker.handlers.errors",
        "TaskContext": "queueworker.handlers.context",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value = getattr(import_module(_MODULES[name]), name)
        return value


__all__ = ["DoNotRetry", "Handlers", "Retry", "TaskContext"]
