from __future__ import annotations

from uuid import UUID

from queuecore.domain.identity import new_task_id, unique_digest


def test_task_ids_are_version_7_and_in_order_of_their_making() -> None:
    ids = [new_task_id() for _ in range(1000)]
    assert all(UUID(task_id).version == 7 for task_id in ids)
    assert ids == sorted(set(ids))


def test_digest_differs_for_types_keys_and_payloads() -> None:
    digests = {
        unique_digest("a", b"{}"),
        unique_digest("b", b"{}"),
        unique_digest("a", b'{"x":1}'),
        unique_digest("a", b"", "{}"),
        unique_digest("a", b"", "key"),
    }
    assert len(digests) == 5


def test_digest_of_a_key_does_not_depend_on_the_payload() -> None:
    assert unique_digest("a", b'{"x":1}', "key") == unique_digest("a", b'{"x":2}', "key")
