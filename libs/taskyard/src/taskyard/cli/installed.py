"""Commands of installed packages: entry points of the group ``taskyard.commands``, named as the subcommand.

They run without the extra ``cli``, and before its imports: a service handles SIGTERM from its first moment.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

GROUP = "taskyard.commands"


def names() -> list[str]:
    """The names of the installed commands, sorted."""
    return sorted(entry_points(group=GROUP).names)


def run_installed(arguments: Sequence[str]) -> bool:
    """Run the installed command that the first argument names; false if it names none.

    The command finds its own arguments in ``sys.argv``.
    """
    if not arguments or arguments[0].startswith("-"):
        return False
    found = entry_points(group=GROUP, name=arguments[0])
    if not found:
        return False
    (entry_point, *_) = found
    sys.argv = [f"taskyard {entry_point.name}", *arguments[1:]]
    entry_point.load()()
    return True
