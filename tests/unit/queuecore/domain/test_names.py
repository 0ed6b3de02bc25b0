from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecore.domain.names import check_queue_name, check_task_id, check_task_type
from queuecore.errors import InvalidField

CHECKS = (check_queue_name, check_task_type, check_task_id)
Check = Callable[[str], str]


@pytest.mark.parametrize(
    ("check", "name"),
    [
        *((check, name) for check in CHECKS for name in ("a", "0", "A" * 128, "default", "a_b.c-d")),
        (check_task_type, "email:send/v2"),
        (check_task_id, "order:4711"),
    ],
)
def test_name_is_returned_when_allowed(check: Check, name: str) -> None:
    assert check(name) == name


@pytest.mark.parametrize(
    ("check", "name"),
    [
        *(
            (check, name)
            for check in CHECKS
            for name in ("", "A" * 129, "-a", ".a", "_a", "a\n", "\na", "a b", "a\0", "{a}", "a*", "\u00e9", "\u0661")
        ),
        (check_queue_name, "a:b"),
        (check_queue_name, "a/b"),
        (check_task_id, "a/b"),
    ],
)
def test_name_is_refused_when_not_allowed(check: Check, name: str) -> None:
    with pytest.raises(InvalidField, match="expected 1 to 128 of the characters") as caught:
        check(name)
    assert caught.value.got == name


@pytest.mark.parametrize(
    ("check", "field"), [(check_queue_name, "queue"), (check_task_type, "type"), (check_task_id, "task_id")]
)
def test_name_error_says_which_field_it_was(check: Check, field: str) -> None:
    with pytest.raises(InvalidField, match=f"^{field}: "):
        check("")


def test_name_error_uses_the_given_field_when_there_is_one() -> None:
    with pytest.raises(InvalidField, match=r"^tasks\.3\.queue: "):
        check_queue_name("", "tasks.3.queue")


@pytest.mark.parametrize("check", CHECKS)
@given(name=st.text())
def test_name_holds_no_blank_or_brace_when_allowed(check: Check, name: str) -> None:
    try:
        check(name)
    except InvalidField:
        return
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set(" {}\"'\\*")
