"""The ratios that were accepted, and what counts as worse."""

from __future__ import annotations

import json
from collections.abc import Mapping

from benchmarks.figures import FIGURE
from benchmarks.plan import RESULTS

TOLERANCE = 0.3
"""The share by which a ratio may be worse than the accepted one: less is noise."""
LATENCY_TOLERANCE = 0.5
"""The same for latencies, which other work on the machine disturbs most."""

_FILE = RESULTS / "accepted.json"


def read_accepted() -> dict[str, float]:
    """Figure -> ratio to the best of the others."""
    accepted: dict[str, float] = json.loads(_FILE.read_text())
    return accepted


def write_accepted(ratios: Mapping[str, float]) -> None:
    """Take ratios as what is expected from now on."""
    _FILE.write_text(json.dumps(ratios, indent=1) + "\n")


def find_worse(accepted: Mapping[str, float], measured: Mapping[str, float]) -> list[str]:
    """What is worse than was accepted, one sentence each; a ratio that is missing counts as worse."""
    sentences = []
    for name, was in accepted.items():
        least = was * (1 - (LATENCY_TOLERANCE if FIGURE[name].unit == "ms" else TOLERANCE))
        if name not in measured:
            sentences.append(f"{name}: not measured")
        elif measured[name] < least:
            sentences.append(f"{name}: {measured[name]:.2f}, accepted {was:.2f}, at least {least:.2f} was expected")
    return sentences
