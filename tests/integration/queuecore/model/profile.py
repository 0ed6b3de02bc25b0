"""Hypothesis settings of the model-based tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EXAMPLES_VARIABLE = "TASKYARD_MODEL_EXAMPLES"
"""Number of examples; when set, each run uses other ones."""


def model_settings(examples: int) -> settings:
    """The same ``examples`` in each run, unless :data:`EXAMPLES_VARIABLE` is set."""
    requested = os.environ.get(EXAMPLES_VARIABLE)
    return settings(
        max_examples=int(requested) if requested else examples,
        stateful_step_count=50,
        derandomize=requested is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
