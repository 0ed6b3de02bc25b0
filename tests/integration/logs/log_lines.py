"""Format of the log lines of all services."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

OUR_EVENT = re.compile(r"[a-z]+(_[a-z]+)*")


class Line(msgspec.Struct, kw_only=True):
    """The fields with a fixed format; lines may have more."""

    time: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    level: Literal["debug", "info", "warning", "error", "critical"]
    service: Literal["api", "scheduler", "worker", "controller"]
    event: Annotated[str, Meta(min_length=1)]
    logger: str | None = None
    """Only in lines of other libraries."""
    task_id: str | None = None
    queue: str | None = None
    type: str | None = None
    attempt: Annotated[int, Meta(ge=1)] | None = None
    duration_ms: Annotated[int, Meta(ge=0)] | None = None
    trace_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")] | None = None
    span_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")] | None = None
    error: str | None = None
    traceback: str | None = None


def read_lines(path: Path) -> list[Line]:
    """All lines of a log; an invalid line fails the test."""
    lines = []
    for text in path.read_text().splitlines():
        try:
            line = msgspec.json.decode(text, type=Line)
        except msgspec.MsgspecError as error:
            raise AssertionError(f"{error}: {text}") from error
        assert list(msgspec.json.decode(text))[:4] == ["time", "level", "service", "event"], text
        assert line.logger or OUR_EVENT.fullmatch(line.event), text
        lines.append(line)
    return lines
