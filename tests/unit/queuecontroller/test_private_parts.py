from __future__ import annotations

from dataclasses import replace
from typing import Any

import kopf

from tests.support.declared_bound import assert_bounded_to_minor


def test_kopf_is_bounded_to_the_installed_minor() -> None:
    assert_bounded_to_minor("taskyard-controller", "kopf")


def test_kopf_registry_keeps_its_daemons_as_dataclasses_that_require_a_finalizer() -> None:
    registry = kopf.OperatorRegistry()

    @kopf.daemon("taskyard.dev", "v1alpha1", "workerpools", registry=registry)
    async def keep(**_: Any) -> None:
        """A daemon."""

    (handler,) = registry._spawning._handlers
    assert handler.requires_finalizer
    assert not replace(handler, requires_finalizer=False).requires_finalizer
