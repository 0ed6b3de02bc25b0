from __future__ import annotations

import httpx
import pytest


@pytest.mark.parametrize(
    "path", ["/live", "/ready", "/health", "/metrics", "/schema", "/api/v1/types", "/api/v1/tasks/none", "/none"]
)
async def test_head_is_answered_as_get_without_a_body(client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert head.status_code == got.status_code
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.content == b""
    # The connection goes on to be in step.
    assert (await client.get("/live")).json() == {"status": "ok"}


async def test_head_is_refused_where_there_is_no_get(client: httpx.AsyncClient) -> None:
    response = await client.head("/api/v1/tasks")
    assert response.status_code == 405
