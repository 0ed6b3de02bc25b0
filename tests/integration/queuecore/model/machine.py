"""Any interleaving of everything that can be done to a store."""

from __future__ import annotations

from hypothesis.stateful import run_state_machine_as_test

from tests.integration.queuecore.model.callers import Callers
from tests.integration.queuecore.model.mishaps import Mishaps
from tests.integration.queuecore.model.profile import model_settings
from tests.integration.queuecore.model.schedulers import Schedulers
from tests.integration.queuecore.model.workers import Workers


class StoreMachine(Callers, Workers, Schedulers, Mishaps):
    """All who touch a store."""


def compare_with_model(url: str, examples: int) -> None:
    """Do as much as ``examples`` allow to the store at ``url``, which nobody else uses, and compare.

    Raises:
        AssertionError: the store is not as the model says; the message has the fewest steps that lead there.
    """

    class Machine(StoreMachine):
        def __init__(self) -> None:
            super().__init__(url)

    run_state_machine_as_test(Machine, settings=model_settings(examples))
