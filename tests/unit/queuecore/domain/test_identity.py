from __future__ import annotations

from queuecore.domain.identity import unique_digest


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
