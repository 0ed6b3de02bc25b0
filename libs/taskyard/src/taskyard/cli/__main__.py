"""Entry point of the command ``taskyard``: runs a command of an installed package, or one of its own."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from taskyard.cli.installed import run_installed

_MISSING = "taskyard: this command needs typer and rich, which the extra cli installs: pip install 'taskyard[cli]'\n"
_LIBRARIES = ("typer", "rich")


def main() -> None:
    """Run the command of ``sys.argv``. Exit codes: :class:`taskyard.cli.exit_code.ExitCode`."""
    if run_installed(sys.argv[1:]):
        return
    if not all(find_spec(each) for each in _LIBRARIES):
        sys.stderr.write(_MISSING)
        sys.exit(2)
    from taskyard.cli.root import app  # noqa: PLC0415 - needs the extra

    app(prog_name="taskyard")


if __name__ == "__main__":
    main()
