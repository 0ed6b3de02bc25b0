from __future__ import annotations

import pytest

from queuecore.errors import InvalidField
from taskyard.cli.commands.batch import LineRequest


def test_line_is_sent_as_it_is() -> None:
    request = LineRequest(7, b'{"type": "send", "payload": {"price": 1.50}, "new_field": 12345678901234567890123}\n')
    assert request.body(0) == b'{"type":"send","payload":{"price": 1.50},"new_field":12345678901234567890123}'
    assert (request.type, request.number) == ("send", 7)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"nothing\n", "line: expected a JSON object"),
        (b"[]", "line: expected a JSON object"),
        (b"\xff", "line: expected a JSON object"),
        (b'{"payload": {}}', "type: expected a task type"),
        (b'{"type": 1}', "line: expected a JSON object"),
        (b'{"type": "a", "idempotency_key": "k"}', "use task_id for a task that is sent again"),
    ],
)
def test_line_is_refused_with_its_reason(line: bytes, message: str) -> None:
    with pytest.raises(InvalidField, match=message):
        LineRequest(1, line)
