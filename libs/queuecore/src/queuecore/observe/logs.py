"""Logs: one JSON object per line on stdout, or a human-readable format on a terminal.

Modules log with ``structlog.get_logger()``. Records of the standard library's loggers get the same format.
Each line has ``time`` (RFC 3339, UTC), ``level``, ``service`` and ``event``, then the bound fields; ``error`` and
``traceback`` for an exception; ``trace_id`` and ``span_id`` inside a span. Payloads are never logged: bytes and
structs appear as their type's name. Passwords are removed from everything that looks like a URL.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, TextIO

import msgspec
import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor

_FIRST = ("time", "level", "service", "event")
_CHATTY = ("httpcore", "httpx", "urllib3")
"""Libraries that log each request, some with all headers."""
_USER_INFO = re.compile(r"://[^\s/@\"']+@")
_BULKY = (bytes, bytearray, memoryview, msgspec.Struct)


def configure_logging(
    service: str,
    level: str = "info",
    form: Literal["auto", "json", "human"] = "auto",
    stream: TextIO | None = None,
) -> None:
    """Set up logging for the whole process; called once, before the first log line.

    Args:
        service: the field ``service`` of each line.
        level: lowest level that is logged: debug, info, warning, error or critical.
        form: ``auto`` is ``human`` if ``stream`` is a terminal, else ``json``.
        stream: takes the lines; stdout by default.
    """
    stream = stream or sys.stdout
    number = logging.getLevelNamesMapping()[level.upper()]
    is_human = stream.isatty() if form == "auto" else form == "human"
    gathering: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _name_trace,
        structlog.stdlib.add_log_level,
        _stamp(service),
        structlog.processors.StackInfoRenderer(),
    ]
    writing: list[Processor] = [*([_console(stream)] if is_human else [_format_error, _to_json]), _remove_passwords]
    structlog.configure(
        processors=gathering + writing,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    _redirect_standard_logging(number, gathering, writing, stream)
    sys.excepthook = _log_crash


def _redirect_standard_logging(
    level: int, gathering: list[Processor], writing: list[Processor], stream: TextIO
) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                *gathering,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *writing],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in _CHATTY:
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _stamp(service: str) -> Processor:
    def add_time_and_service(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["time"] = f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
        event["service"] = service
        return event

    return add_time_and_service


def _name_trace(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Add the ids of the current trace and span, if any."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event.setdefault("trace_id", trace.format_trace_id(context.trace_id))
        event.setdefault("span_id", trace.format_span_id(context.span_id))
    return event


def _console(stream: TextIO) -> Processor:
    # A plain traceback: the default one shows local variables, which may hold payloads.
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        timestamp_key="time",
        exception_formatter=structlog.dev.plain_traceback,
    )


def _format_error(_logger: object, _method: str, event: EventDict) -> EventDict:
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        if "error" not in event:
            event["error"] = f"{type(error).__name__}: {error}"
        event["traceback"] = "".join(traceback.format_exception(error))
    return event


def _error_of(exc_info: Any) -> BaseException | None:
    """Return the exception of ``exc_info``, in any form that :mod:`logging` takes."""
    if isinstance(exc_info, BaseException):
        return exc_info
    current: BaseException | None = (exc_info if isinstance(exc_info, tuple) else sys.exc_info())[1]
    return current if exc_info else None


def _to_json(_logger: object, _method: str, event: EventDict) -> str:
    line = {key: event.pop(key) for key in _FIRST if key in event}
    line |= {key: _name(value) if isinstance(value, _BULKY) else value for key, value in event.items()}
    try:
        return msgspec.json.encode(line, enc_hook=repr).decode()
    except (TypeError, ValueError, RecursionError):
        # Lone surrogates or keys that are not text. Logging must not fail for any value.
        return json.dumps({key: value if isinstance(value, str) else repr(value) for key, value in line.items()})


def _remove_passwords(_logger: object, _method: str, line: Any) -> str:
    """Remove user and password from URLs, also in messages of libraries and exceptions."""
    return _USER_INFO.sub("://***@", line) if "@" in line else line


def _name(value: object) -> str:
    return f"<{type(value).__name__}>"


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        structlog.get_logger().critical("crashed", exc_info=error)
