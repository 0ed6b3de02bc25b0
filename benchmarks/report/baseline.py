"""Baseline of accepted ratios, and the detection of regressions."""

from __future__ import annotations

import json
from collections.abc import Mapping

from benchmarks.plan import RESULTS
from benchmarks.report.figure import FIGURE

TOLERANCE = 0.3
"""Share by which a ratio may fall below the accepted one; smaller differences are noise."""
LATENCY_TOLERANCE = 0.5
"""The same for latencies, which other load on the machine distorts most."""

_FILE = RESULTS / "accepted.json"


def read_baseline() -> dict[str, float]:
    """Figure -> ratio to the best of the others."""
    accepted: dict[str, float] = json.loads(_FILE.read_text())
    return accepted


def write_baseline(ratios: Mapping[str, float]) -> None:
    """Replace the baseline."""
    _FILE.write_text(json.dumps(ratios, indent=1) + "\n")


def find_regressions(accepted: Mapping[str, float], measured: Mapping[str, float]) -> list[str]:
    """Ratios worse than the baseline, one sentence each; a missing ratio is a regression."""
    sentences = []
    for name, was in accepted.items():
        least = was * (1 - (LATENCY_TOLERANCE if FIGURE[name].unit == "ms" else TOLERANCE))
        if name not in measured:
            sentences.append(f"{name}: not measured")
        elif measured[name] < least:
            sentences.append(f"{name}: {measured[name]:.2f}, accepted {was:.2f}, at least {least:.2f} was expected")
    return sentences
