"""Tests of the example's handlers, without a server."""

from __future__ import annotations

from tasks import Greeting, Numbers, add_up, app, greet

from taskyard.testing import recording, run


def test_greets_by_name() -> None:
    """The payload may be a value of its type or the JSON object that another service posts."""
    assert run(greet, Greeting("Ada")).result == {"text": "Hello, Ada!"}
    assert run(greet, {"name": "Ada", "polite": True}).result == {"text": "Good day to you, Ada."}


def test_logs_the_greeting() -> None:
    """Log lines and progress are part of the outcome."""
    assert [line.event for line in run(greet, Greeting("Ada")).logs] == ["greeting"]


def test_refuses_to_add_up_nothing() -> None:
    """A task that raises DoNotRetry is archived."""
    outcome = run(add_up, Numbers([]))
    assert (outcome.state, outcome.error) == ("archived", "DoNotRetry: there is nothing to add up")


def test_enqueues_with_a_delay() -> None:
    """Nothing is sent while an app is recorded."""
    with recording(app) as tasks:
        greet.enqueue_sync(Greeting("Ada"), delay="5m")
    tasks.assert_enqueued(greet, Greeting("Ada"), delay="300s")
