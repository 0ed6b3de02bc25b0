"""Reader of the chart's values.yaml and its comments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MARK = "# -- "
"""A comment with this prefix marks a leaf: a documented value, either a scalar or a whole map."""


class Leaf(NamedTuple):
    """A documented value."""

    path: tuple[str, ...]
    default: Any
    meaning: str


class Values:
    """A values.yaml.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._lines = path.read_text(encoding="utf-8").splitlines()
        self._root: Any = yaml.compose("\n".join(self._lines))
        self.defaults: dict[str, Any] = yaml.safe_load("\n".join(self._lines))

    def leaves(self) -> Iterator[Leaf]:
        """All leaves, in the order of the file.

        Raises:
            ValueError: a value has no comment.
        """
        return self._leaves(self._root, ())

    def heading(self, key: str) -> str:
        """The comment above a top-level block that is not a leaf; empty without a comment."""
        for name, _ in self._root.value:
            if name.value == key:
                return " ".join(self._comment(name.start_mark.line)).lstrip("# ")
        raise KeyError(key)

    def _leaves(self, node: Any, path: tuple[str, ...]) -> Iterator[Leaf]:
        for key, value in node.value:
            here = (*path, key.value)
            comment = self._comment(key.start_mark.line)
            if comment and comment[0].startswith(MARK):
                yield Leaf(here, self._default(here), " ".join(comment).removeprefix(MARK).replace(" # ", " "))
            elif isinstance(value, yaml.MappingNode) and value.value:
                yield from self._leaves(value, here)
            else:
                raise ValueError(f"{'.'.join(here)} has no comment that begins with {MARK!r}")

    def _comment(self, line: int) -> list[str]:
        """The lines of the comment directly above a line."""
        start = line
        while start > 0 and self._lines[start - 1].lstrip().startswith("#"):
            start -= 1
        return [each.strip() for each in self._lines[start:line]]

    def _default(self, path: tuple[str, ...]) -> Any:
        found: Any = self.defaults
        for key in path:
            found = found[key]
        return found
