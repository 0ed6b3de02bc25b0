"""Template of one recorded enqueue, which renders the commands of other tasks."""

from __future__ import annotations

import base64
import re
import uuid
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

_ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_NAMED_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}
_IDS = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])")
_BASE64_BODY = re.compile(rb'(?<="body": ")[A-Za-z0-9+/=]+(?=")')

Command = tuple[bytes, ...]


def parse_monitored(line: bytes) -> Command | None:
    """The command in a line of ``MONITOR``; ``None`` for commands of scripts and other output."""
    head, found, rest = line.partition(b"] ")
    if not found or head.endswith(b" lua"):
        return None
    return tuple(_ESCAPE.sub(_unescape, argument) for argument in _ARGUMENT.findall(rest))


def _unescape(match: re.Match[bytes]) -> bytes:
    escaped = match.group(1)
    if escaped.startswith(b"x") and len(escaped) == 3:
        return bytes.fromhex(escaped[1:].decode())
    return _NAMED_ESCAPES.get(escaped, escaped)


class Template:
    """The commands that enqueue one task, with placeholders for its number and its ids.

    Args:
        commands: all commands recorded while the task was enqueued.
        number: the argument of the task, a text that occurs nowhere else.

    Raises:
        ValueError: no command contains the number.
    """

    def __init__(self, commands: Iterable[Command], number: bytes) -> None:
        seen = [[_layers(part) for part in command] for command in commands]
        plain = [b"\n".join(layer.text for part in command for layer in part) for command in seen]
        self._ids = sorted({each for text in plain if number in text for each in _IDS.findall(text)})
        tokens = [number, *self._ids]
        kept = [parts for parts, text in zip(seen, plain, strict=True) if any(token in text for token in tokens)]
        if not any(number in text for text in plain):
            raise ValueError("no command has the number of the task")
        splitter = re.compile(b"(" + b"|".join(map(re.escape, tokens)) + b")")
        self._places = {token: place for place, token in enumerate(tokens)}
        self._commands = [
            [[_Pieces(splitter.split(layer.text), layer.encode) for layer in part] for part in command]
            for command in kept
        ]

    @property
    def commands(self) -> int:
        """Number of commands per task."""
        return len(self._commands)

    def render(self, number: bytes) -> bytes:
        """The encoded commands of another task.

        Args:
            number: of the same width as the recorded one.
        """
        values = [number, *(_another(each) for each in self._ids)]
        filled = (
            [b"".join(self._fill(layer, values) for layer in part) for part in command] for command in self._commands
        )
        return b"".join(map(pack, filled))

    def _fill(self, layer: _Pieces, values: list[bytes]) -> bytes:
        if len(layer.pieces) == 1:
            return layer.encode(layer.pieces[0])
        # Odd places hold the tokens.
        filled = [values[self._places[piece]] if place % 2 else piece for place, piece in enumerate(layer.pieces)]
        return layer.encode(b"".join(filled))


class _Layer(NamedTuple):
    """A decoded section of a command's argument and its encoder."""

    text: bytes
    encode: Callable[[bytes], bytes]


class _Pieces(NamedTuple):
    pieces: list[bytes]
    encode: Callable[[bytes], bytes]


def _layers(part: bytes) -> list[_Layer]:
    """Decode an argument that may hide the number: RQ deflates calls, Celery encodes message bodies in base64."""
    if part.startswith(b"x\x9c"):
        return [_Layer(zlib.decompress(part), zlib.compress)]
    if found := _BASE64_BODY.search(part):
        start, end = found.span()
        return [
            _Layer(part[:start], bytes),
            _Layer(base64.b64decode(found.group()), base64.b64encode),
            _Layer(part[end:], bytes),
        ]
    return [_Layer(part, bytes)]


def _another(recorded: bytes) -> bytes:
    made = uuid.uuid4()
    return (str(made) if b"-" in recorded else made.hex).encode()


def pack(command: Sequence[bytes]) -> bytes:
    """Encode a command in RESP."""
    parts = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in command)
    return b"*%d\r\n%b" % (len(command), parts)
