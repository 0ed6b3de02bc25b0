"""``taskyard batch``: enqueue the tasks of a JSON Lines stream."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Any, BinaryIO

import msgspec
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from queuecore.errors import InvalidField, TaskyardError
from taskyard.cli.exit_code import ExitCode
from taskyard.cli.session import Session
from taskyard.errors import DuplicateTask, Refused
from taskyard.request import Request

_decode_line = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class LineRequest(Request[Any]):
    """A request from a line, which is sent as it is: the API checks its fields.

    Args:
        number: number of the line, from 1.
        line: a JSON object with the fields of a task.

    Raises:
        InvalidField: it is no JSON object, has no type, or an idempotency key, which the client sets.
    """

    __slots__ = ("_body", "number")

    def __init__(self, number: int, line: bytes) -> None:
        try:
            fields = _decode_line(line)
            task_type = msgspec.json.decode(fields["type"], type=str)
        except KeyError as error:
            raise InvalidField("type", None, "a task type") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidField("line", line.decode(errors="replace").strip(), f"a JSON object ({error})") from error
        if "idempotency_key" in fields:
            raise InvalidField("idempotency_key", "a key", "no such field: use task_id for a task that is sent again")
        super().__init__(task_type, bytes(fields.get("payload", b"{}")), {}, msgspec.json.decode)
        self._body = msgspec.json.encode(fields)
        self.number = number

    def body(self, now_ms: int) -> bytes:  # noqa: ARG002 - the line names its times itself
        """The body of the request to the API."""
        return self._body


class _Report:
    """Counts and reports the fate of the tasks."""

    def __init__(self, session: Session, progress: Progress, *, skip_existing: bool) -> None:
        self._printer = session.printer
        self._progress = progress
        self._skip_existing = skip_existing
        self.enqueued = self.existing = self.refused = 0

    def count(self, request: Request[Any], task_id: str, queue: str) -> None:
        """Report an enqueued task."""
        self.enqueued += 1
        if self._printer.as_json:
            self._printer.json({"line": _number(request), "task_id": task_id, "queue": queue})

    def refuse(self, number: int, error: TaskyardError) -> None:
        """Report a task that is not enqueued."""
        code = error.code if isinstance(error, Refused) else "INVALID_LINE"
        if self._skip_existing and isinstance(error, DuplicateTask):
            self.existing += 1
            if self._printer.as_json:
                self._printer.json({"line": number, "task_id": error.task_id, "exists": True})
            return
        self.refused += 1
        if self._printer.as_json:
            self._printer.json({"line": number, "error": str(error), "code": code})
        else:
            self._progress.console.print(f"line {number}: {error}", soft_wrap=True)

    def summary(self) -> str:
        """The counts in words."""
        existing = f", {self.existing} existed" if self.existing else ""
        return f"{self.enqueued} enqueued{existing}, {self.refused} refused"


def batch(
    session: Session,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Do not count a task that exists already as refused.")
    ] = False,
) -> ExitCode | None:
    """Enqueue the tasks of stdin: one JSON object per line, with the fields of POST /api/v1/tasks.

    Lines are read and sent in chunks. A task that is refused does not stop the others; exit code 1: some were refused.
    """
    printer = session.printer
    # A bar beside JSON on the same terminal would mix the two.
    is_shown = printer.err.is_terminal and not (printer.as_json and printer.out.is_terminal)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=printer.err,
        disable=not is_shown,
        redirect_stdout=False,
    ) as progress:
        report = _Report(session, progress, skip_existing=skip_existing)
        bar = progress.add_task("0 enqueued", total=_size(sys.stdin.buffer))

        def advance(count: int) -> None:
            progress.update(bar, advance=count)

        requests = _read(sys.stdin.buffer, report.refuse, advance)
        handles = session.client.enqueue_many(
            requests, on_refused=lambda request, error: report.refuse(_number(request), error)
        )
        for handle in handles:
            report.count(handle.request, handle.id, handle.queue)
            progress.update(bar, description=report.summary())
    if printer.as_json:
        printer.json({"enqueued": report.enqueued, "existing": report.existing, "refused": report.refused})
    else:
        printer.text(report.summary())
    return ExitCode.REFUSED if report.refused else None


def _read(
    stream: BinaryIO, refuse: Callable[[int, TaskyardError], None], advance: Callable[[int], None]
) -> Iterator[Request[Any]]:
    for number, line in enumerate(stream, 1):
        advance(len(line))
        if not line.strip():
            continue
        try:
            yield LineRequest(number, line)
        except InvalidField as error:
            refuse(number, error)


def _number(request: Request[Any]) -> int:
    assert isinstance(request, LineRequest)
    return request.number


def _size(stream: BinaryIO) -> int | None:
    """The size of a file in bytes; ``None`` for a pipe, whose end is unknown."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # It is no stream of the operating system.
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
