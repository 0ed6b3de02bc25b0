"""How long the model-based tests look."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EXAMPLES_VARIABLE = "TASKYARD_MODEL_EXAMPLES"
"""Set it to look longer, and each time at other examples."""


def model_settings(examples: int) -> settings:
    """The same examples each time, unless more are asked for."""
    asked = os.environ.get(EXAMPLES_VARIABLE)
    return settings(
        max_examples=int(asked) if asked else examples,
        stateful_step_count=50,
        derandomize=asked is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
