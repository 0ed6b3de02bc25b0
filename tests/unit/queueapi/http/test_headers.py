from __future__ import annotations

from queueapi.http.headers import read_traceparent


def test_read_traceparent_ignores_a_malformed_header() -> None:
    good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    assert read_traceparent(good) == good
    assert read_traceparent(None) is None
    for bad in (
        "",
        "00-0-0-01",
        good.replace("00-", "ff-", 1),
        good.upper(),
        f"{good}-x",
        f"00-{'0' * 32}-{'1' * 16}-01",
    ):
        assert read_traceparent(bad) is None
