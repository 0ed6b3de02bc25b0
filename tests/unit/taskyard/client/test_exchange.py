from __future__ import annotations

from itertools import pairwise

import pytest

from taskyard import NotAvailable, NotConnected, QueueFull, Refused
from taskyard.client.core.call import Answer, Call
from taskyard.client.core.exchange import ATTEMPT_S, LONGEST_PAUSE_S, MOST_SERVER_FAULTS, exchange
from tests.unit.taskyard.client.script import CUT, UNREACHABLE, Script, answer, error

REPEATABLE = Call(method="POST", path="/", operation="enqueue mail", repeatable=True)
ONCE = Call(method="POST", path="/", operation="run task a", repeatable=False)
OK = answer(201, {})


def test_answer_is_returned_when_the_first_attempt_succeeds() -> None:
    script = Script([OK])
    assert script.perform(exchange(REPEATABLE, script.env)) == OK
    assert script.pauses == []


@pytest.mark.parametrize(
    "trouble",
    [
        UNREACHABLE,
        CUT,
        error(503, "STORE_UNAVAILABLE"),
        error(429, "QUEUE_FULL"),
        error(500, "INTERNAL_ERROR"),
        answer(502, b"<html>"),
        answer(504, b""),
        error(408, "REQUEST_TIMEOUT"),
    ],
)
def test_repeatable_call_is_sent_again_when_it_may_succeed_later(trouble: Answer) -> None:
    script = Script([trouble, OK])
    assert script.perform(exchange(REPEATABLE, script.env)) == OK
    assert script.calls == [REPEATABLE, REPEATABLE]


def test_other_call_is_sent_again_only_when_the_server_has_not_received_it() -> None:
    script = Script([UNREACHABLE, UNREACHABLE, OK])
    assert script.perform(exchange(ONCE, script.env)) == OK
    cut = Script([CUT, OK])
    with pytest.raises(NotConnected, match=r"run task a: http://api did not answer.*whether it took effect is unknown"):
        cut.perform(exchange(ONCE, cut.env))
    assert len(cut.calls) == 1
    unavailable = Script([error(503, "STORE_UNAVAILABLE"), OK])
    with pytest.raises(NotAvailable):
        unavailable.perform(exchange(ONCE, unavailable.env))


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 422])
def test_refusal_is_raised_at_once(status: int) -> None:
    script = Script([error(status, "CODE"), OK])
    with pytest.raises(Refused) as refused:
        script.perform(exchange(REPEATABLE, script.env))
    assert (refused.value.status, refused.value.code, len(script.calls)) == (status, "CODE", 1)


def test_pauses_double_to_a_limit() -> None:
    script = Script([UNREACHABLE])
    with pytest.raises(NotConnected):
        script.perform(exchange(REPEATABLE, script.env))
    assert all(later == min(2 * earlier, LONGEST_PAUSE_S / 2) for earlier, later in pairwise(script.pauses))
    assert script.pauses[-1] == LONGEST_PAUSE_S / 2


def test_no_attempt_begins_when_hardly_any_time_is_left() -> None:
    script = Script([UNREACHABLE], send_s=0.97)
    with pytest.raises(NotConnected, match="ConnectError"):
        script.perform(exchange(REPEATABLE, script.env, 1.0))
    assert len(script.calls) == 1


def test_total_time_limit_includes_all_attempts() -> None:
    script = Script([CUT])
    with pytest.raises(NotConnected, match=r"within 30s \(\d attempts, the last: ReadError: connection lost\)"):
        script.perform(exchange(REPEATABLE, script.env))
    assert script.timeouts[0] == ATTEMPT_S
    assert script.now_s == pytest.approx(1_030.0, abs=2.0)
    assert script.now_s <= 1_030.0


def test_retry_after_is_the_shortest_pause() -> None:
    script = Script([error(429, "QUEUE_FULL", headers={"retry-after": "7"}), OK])
    script.perform(exchange(REPEATABLE, script.env))
    assert script.pauses == [7.0]


def test_refusal_is_raised_at_once_when_retry_after_exceeds_the_time_limit() -> None:
    script = Script([error(429, "QUEUE_FULL", headers={"retry-after": "60"})])
    with pytest.raises(QueueFull) as refused:
        script.perform(exchange(REPEATABLE, script.env))
    assert (refused.value.retry_after_s, script.pauses) == (60.0, [])


def test_fault_of_the_server_is_raised_after_a_few_attempts() -> None:
    script = Script([error(500, "INTERNAL_ERROR")])
    with pytest.raises(Refused):
        script.perform(exchange(REPEATABLE, script.env))
    assert len(script.calls) == MOST_SERVER_FAULTS
