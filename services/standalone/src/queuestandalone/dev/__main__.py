"""Entry point of ``taskyard dev``: handles SIGTERM before the slow imports."""

from __future__ import annotations

from queuecore.early_stop import exit_at_sigterm


def main() -> None:
    """Run the command; see :mod:`queuestandalone.dev.command`."""
    exit_at_sigterm()
    from queuestandalone.dev.command import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()
