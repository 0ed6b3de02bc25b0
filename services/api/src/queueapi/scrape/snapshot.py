"""Snapshot of the metrics in the store, and its text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import Metric

from queueapi.scrape.queue_text import FAMILIES, QueueText
from queuecore.observe.metrics.text import TextFormat


class SnapshotRetired(Exception):
    """The snapshot was discarded while its text was read."""


class Snapshot:
    """The metrics in the store at one moment.

    Args:
        queues: the text of each queue.
        server: the metrics of the server.
    """

    def __init__(self, queues: Sequence[QueueText], server: Sequence[Metric]) -> None:
        self._queues = queues
        self._number = len(queues)
        self._server = server

    def retire(self) -> None:
        """Discard the text; a reader that is not done gets :class:`SnapshotRetired`."""
        self._queues = ()

    def write(self, text_format: TextFormat) -> Iterator[bytes]:
        """The text in small parts, family by family.

        Raises:
            SnapshotRetired: the snapshot was discarded meanwhile.
        """
        for place, family in enumerate(FAMILIES):
            yield text_format.write((family.definition.family(),))
            samples = self._samples(place)
            yield from _rename(samples, family.sample_names, text_format)
        yield text_format.write(self._server)

    def _samples(self, place: int) -> Iterator[bytes]:
        for number in range(self._number):
            if not self._queues:
                raise SnapshotRetired
            yield self._queues[number][place]


def _rename(samples: Iterable[bytes], names: Sequence[str], text_format: TextFormat) -> Iterable[bytes]:
    """Samples with their names as a format writes them; nearly all formats write ours as they are."""
    escaped = [(name.encode(), text_format.escape_sample_name(name)) for name in names]
    renamed = [(b"\n%b{" % old, b"\n%b{" % new) for old, new in escaped if old != new]
    return (_replace(text, renamed) for text in samples) if renamed else samples


def _replace(text: bytes, renamed: Iterable[tuple[bytes, bytes]]) -> bytes:
    text = b"\n" + text
    for old, new in renamed:
        text = text.replace(old, new)
    return text[1:]
