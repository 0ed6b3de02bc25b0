from __future__ import annotations

from typing import Any

from queueapi.http.methods import HeadRequests


async def _answer(scope: Any, _receive: Any, send: Any) -> None:
    scope["path_template"] = "/found"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": scope["method"].encode().ljust(4), "more_body": False})


async def _ask(scope: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nobody reads")

    await HeadRequests(_answer)(scope, receive, send)  # type: ignore[arg-type]
    return sent


async def test_head_is_asked_as_get_and_loses_its_body() -> None:
    scope = {"type": "http", "method": "HEAD"}
    start, body = await _ask(scope)
    assert start["headers"] == [(b"content-length", b"4")]
    assert body["body"] == b""
    # The metrics count a HEAD, on the route that matched.
    assert scope == {"type": "http", "method": "HEAD", "path_template": "/found"}


async def test_other_requests_are_passed_on() -> None:
    _, body = await _ask({"type": "http", "method": "POST"})
    assert body["body"] == b"POST"
