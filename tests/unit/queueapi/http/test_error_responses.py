from __future__ import annotations

from typing import Any

import httpx
import pytest
from litestar import Litestar, get
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp

from queueapi.http.error_responses import error_handlers
from queuecore.errors import (
    StoreError,
    StoreFull,
    StoreUnavailable,
    TaskActive,
    TaskNotCancellable,
    TaskNotFound,
)


async def ask(error: Exception) -> httpx.Response:
    @get("/fails", opt={"fault_code": "STATS_FAILED"})
    async def fails() -> ASGIApp:
        raise error

    app: Any = Litestar([fails], exception_handlers=error_handlers(), openapi_config=None, logging_config=None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        return await client.get("/fails")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreUnavailable("x"), 503, "STORE_UNAVAILABLE"),
        (StoreFull("x"), 503, "STORE_FULL"),
        (TaskNotFound("x"), 404, "TASK_NOT_FOUND"),
        (TaskNotCancellable("x"), 409, "TASK_NOT_CANCELLABLE"),
        (TaskActive("x"), 409, "TASK_ACTIVE"),
        (StoreError("x"), 500, "STATS_FAILED"),
        (RuntimeError("secret"), 500, "STATS_FAILED"),
        (HTTPException("secret", status_code=500), 500, "STATS_FAILED"),
        (HTTPException("too long", status_code=431), 431, "INVALID_REQUEST"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
async def test_error_is_answered_in_the_common_format(error: Exception, status: int, code: str) -> None:
    response = await ask(error)

    body = response.json()
    assert (response.status_code, list(body), body["code"]) == (status, ["error", "code", "details"], code)
    assert ("retry-after" in response.headers) == (status == 503)
    assert "secret" not in body["error"]
