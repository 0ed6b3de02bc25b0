"""The log of the relay's process: JSON lines, or text on a terminal, as of the services."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from queuecore.errors import ConfigError

_LEVELS = ("debug", "info", "warning", "error", "critical")
_FORMS = ("auto", "json", "human")


def configure_logging(environ: Mapping[str, str]) -> None:
    """Log to stdout, as ``TASKYARD_LOG_LEVEL`` and ``TASKYARD_LOG_FORMAT`` say.

    Raises:
        ConfigError: one of them has an invalid value.
    """
    level = _choice("TASKYARD_LOG_LEVEL", "info", _LEVELS, environ)
    form = _choice("TASKYARD_LOG_FORMAT", "auto", _FORMS, environ)
    is_json = form == "json" or (form == "auto" and not sys.stdout.isatty())
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines() if is_json else logging.Formatter("%(asctime)s %(levelname)-8s %(message)s"))
    logging.basicConfig(level=logging.getLevelNamesMapping()[level.upper()], handlers=[handler], force=True)
    for library in ("httpcore", "httpx"):
        logging.getLogger(library).setLevel(logging.WARNING)


class _JsonLines(logging.Formatter):
    """One JSON object per record, with the first fields of the services' logs."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
        line = {
            "time": f"{moment.isoformat(timespec='milliseconds')}Z",
            "level": record.levelname.lower(),
            "service": "outbox-relay",
            "event": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def _choice(variable: str, default: str, choices: tuple[str, ...], environ: Mapping[str, str]) -> str:
    text = environ.get(variable, "").lower() or default
    if text not in choices:
        raise ConfigError(f"{variable}: expected one of {', '.join(choices)}, got {text!r}")
    return text
