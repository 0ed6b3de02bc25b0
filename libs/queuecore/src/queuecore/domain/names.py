"""Valid names of queues, task types and tasks.

Names are part of keys, URLs, metric labels and log lines, so they have no blanks, braces, quotes or control characters.
"""

from __future__ import annotations

import re

from queuecore.errors import InvalidField

QUEUE_NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
TASK_TYPE_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}"
TASK_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}"

_QUEUE_NAME = re.compile(QUEUE_NAME_PATTERN)
_TASK_TYPE = re.compile(TASK_TYPE_PATTERN)
_TASK_ID = re.compile(TASK_ID_PATTERN)


def check_queue_name(name: str, field: str = "queue") -> str:
    """The name itself.

    Raises:
        InvalidField: the name is not valid for a queue.
    """
    return _check(_QUEUE_NAME, "_ . -", name, field)


def check_task_type(name: str, field: str = "type") -> str:
    """The name itself.

    Raises:
        InvalidField: the name is not valid for a task type.
    """
    return _check(_TASK_TYPE, "_ . : / -", name, field)


def check_task_id(name: str, field: str = "task_id") -> str:
    """The name itself.

    Raises:
        InvalidField: the id is not valid for a task.
    """
    return _check(_TASK_ID, "_ . : -", name, field)


def _check(pattern: re.Pattern[str], signs: str, name: str, field: str) -> str:
    # fullmatch, because "$" would accept a trailing line break.
    if pattern.fullmatch(name) is None:
        raise InvalidField(field, name, f"1 to 128 of the characters A-Z a-z 0-9 {signs}, a letter or digit first")
    return name
