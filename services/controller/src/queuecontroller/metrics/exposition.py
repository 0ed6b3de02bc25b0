"""Prometheus text format, read in chunks: only the samples of some metrics and queues are parsed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from queuecontroller.errors import MetricsImplausible
from queuecontroller.metrics.samples import REQUIRED_SERIES, Sample

MAX_LINE_BYTES = 16 * 1024

_PREFIX = "taskyard_"
_NAMES = "|".join(name.removeprefix(_PREFIX) for name in REQUIRED_SERIES)
# Both patterns begin with a constant, which the engine finds fast: lines of other metrics cost almost nothing.
_LINES = re.compile(rf"\n{_PREFIX}(?:{_NAMES})\{{[^\n]*".encode())
_OTHER_FORMAT = re.compile(rb"\n[^a-zA-Z_:#\s]")
_LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"'
_LABELS = re.compile(_LABEL)
_SAMPLE = re.compile(rf"([a-z_]+)\{{((?:{_LABEL},?)*)\}}\s+(\S+)(?:\s+-?\d+)?\s*")
_QUEUE = re.compile(rb'[{,]queue="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}


class ExpositionReader:
    """Reads the samples of :data:`REQUIRED_SERIES` that belong to some queues.

    Args:
        queues: the names of the queues.
        add: called with each sample.
        source: the name of the endpoint, for messages.
    """

    def __init__(self, queues: Collection[str], add: Callable[[Sample], None], source: str) -> None:
        self._queues = frozenset(_escape(name).encode() for name in queues)
        self._add = add
        self._source = source
        self._rest = b""
        self.has_queues = False
        """True once a sample of any queue was read."""

    def feed(self, chunk: bytes) -> None:
        """Read the next part of the text.

        Raises:
            MetricsImplausible: it is not in the Prometheus text format.
        """
        text, newline, self._rest = (self._rest + chunk).rpartition(b"\n")
        self._read_lines(b"\n" + text + newline)
        if len(self._rest) > MAX_LINE_BYTES:
            raise self._refuse()

    def close(self) -> None:
        """Read the last line.

        Raises:
            MetricsImplausible: it is not in the Prometheus text format.
        """
        self._read_lines(b"\n" + self._rest)

    def _read_lines(self, text: bytes) -> None:
        if _OTHER_FORMAT.search(text):
            raise self._refuse()
        for found in _LINES.finditer(text):
            line = found[0][1:]
            self.has_queues = True
            queue = _QUEUE.search(line)
            if queue is None or queue[1] in self._queues:
                self._add(self._parse(line))

    def _parse(self, line: bytes) -> Sample:
        try:
            matched = _SAMPLE.fullmatch(line.decode())
            if matched is None:
                raise self._refuse()
            labels = {label[1]: _unescape(label[2]) for label in _LABELS.finditer(matched[2])}
            return Sample(matched[1], labels, float(matched[5]))
        except ValueError:
            raise self._refuse() from None

    def _refuse(self) -> MetricsImplausible:
        return MetricsImplausible(f"{self._source} is not in the Prometheus text format")


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _unescape(value: str) -> str:
    return re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), value) if "\\" in value else value
