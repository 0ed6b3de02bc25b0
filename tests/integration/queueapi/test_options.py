from __future__ import annotations

import httpx
import pytest


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/tasks", {"POST"}),
        ("/api/v1/tasks/x", {"GET", "DELETE"}),
        ("/api/v1/queues/x/limits", {"GET", "PUT"}),
        ("/live", {"GET"}),
    ],
)
async def test_options_names_all_methods_of_a_path(client: httpx.AsyncClient, path: str, methods: set[str]) -> None:
    answer = await client.options(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert set(answer.headers["Allow"].split(", ")) - {"OPTIONS", "HEAD"} == methods


async def test_options_answers_404_when_the_path_does_not_exist(client: httpx.AsyncClient) -> None:
    answer = await client.options("/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
