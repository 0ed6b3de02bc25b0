"""The state machine of all steps: callers, workers, schedulers, faults."""

from __future__ import annotations

from hypothesis.stateful import run_state_machine_as_test

from tests.integration.queuecore.model.callers import Callers
from tests.integration.queuecore.model.faults import Faults
from tests.integration.queuecore.model.profile import model_settings
from tests.integration.queuecore.model.schedulers import Schedulers
from tests.integration.queuecore.model.workers import Workers


class StoreMachine(Callers, Workers, Schedulers, Faults):
    """All steps on one store."""


def compare_with_model(url: str, examples: int) -> None:
    """Run ``examples`` sequences of steps on the store at ``url``, which no other test uses, and on its model.

    Raises:
        AssertionError: the store differs from the model; the message has the shortest sequence found.
    """

    class Machine(StoreMachine):
        def __init__(self) -> None:
            super().__init__(url)

    run_state_machine_as_test(Machine, settings=model_settings(examples))
