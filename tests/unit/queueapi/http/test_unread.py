from __future__ import annotations

from queueapi.http.unread import UnreadResponses


class Connection:
    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def test_unread_responses_abort_those_that_have_been_behind_longest_when_there_are_too_many() -> None:
    unread = UnreadResponses(10)
    first, second, third = Connection(), Connection(), Connection()
    unread.add(first, 5)
    unread.add(second, 5)

    unread.add(third, 4)

    assert [each.aborted for each in (first, second, third)] == [True, False, False]
    assert unread.total_bytes == 9


def test_unread_responses_spare_a_connection_that_has_caught_up() -> None:
    unread = UnreadResponses(10)
    first, second = Connection(), Connection()
    unread.add(first, 8)
    unread.remove(first)

    unread.add(second, 8)
    unread.remove(first)

    assert [each.aborted for each in (first, second)] == [False, False]
    assert unread.total_bytes == 8


def test_unread_responses_allow_one_that_exceeds_the_limit_alone() -> None:
    unread = UnreadResponses(10)
    large = Connection()

    unread.add(large, 20)

    assert not large.aborted
