"""``python -m taskyard.outbox``."""

from taskyard.outbox.command import main

if __name__ == "__main__":
    main()
