"""``taskyard-api``: serves the HTTP api."""

from __future__ import annotations

import gc

from queueapi.app import create_api
from queueapi.serving import serve
from queueapi.settings import PREFIX, ApiSettings
from queuecore.process import StopSignals, run_service


async def run(settings: ApiSettings) -> int:
    """Serve until the process is asked to stop; returns the exit code."""
    api = create_api(settings)
    _relax_garbage_collection()
    return await serve(settings, api, StopSignals())


def _relax_garbage_collection() -> None:
    """Let the collector look less often, and never again at what was made until now: it took a tenth of the time.

    What a request makes is freed as it ends, without the collector.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def main() -> None:
    """The command."""
    run_service("api", ApiSettings, PREFIX, run)


if __name__ == "__main__":
    main()
