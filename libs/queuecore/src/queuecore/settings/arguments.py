"""Command-line arguments of the services, which environment variables configure: ``--help`` and ``--version``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from importlib.metadata import metadata
from textwrap import fill

import msgspec

from queuecore.settings.loader import describe

_WIDTH = 100
_INDENT = " " * 6


def answer_arguments(command: str, kind: type[msgspec.Struct], prefix: str, arguments: Sequence[str]) -> None:
    """Answer ``--help`` and ``--version``, and refuse any other argument: these end the process.

    Args:
        command: the command's name, which is also the name of its distribution.
        kind: the class of its settings.
        prefix: the prefix of its environment variables.
        arguments: the arguments after the command's name; nothing happens without one.
    """
    if not arguments:
        return
    distribution = metadata(command)
    parser = argparse.ArgumentParser(
        prog=command,
        description=distribution["Summary"],
        epilog="\n".join(_variables(kind, prefix)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{command} {distribution['Version']}")
    parser.parse_args(arguments)


def _variables(kind: type[msgspec.Struct], prefix: str) -> Iterator[str]:
    yield "environment variables:"
    for row in describe(kind, prefix):
        yield f"  {row.name}" + (f"={row.default}" if row.default else "")
        about = f"{row.description} Takes {row.takes}."
        yield fill(about, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False)
