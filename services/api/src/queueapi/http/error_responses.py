"""Error responses: one format for errors of routes, the store and the framework."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from queueapi.errors import ApiError, cut, from_store
from queueapi.http.response import encode
from queuecore.errors import EnvelopeError, StoreError

log = structlog.get_logger()

_FAULT_CODE = "INTERNAL_ERROR"
_DETAIL_LENGTH = 300
_FRAMEWORK_CODES = {
    HTTPStatus.BAD_REQUEST: "INVALID_REQUEST",
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
    HTTPStatus.METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "PAYLOAD_TOO_LARGE",
}


def error_handlers() -> ExceptionHandlersMap:
    """Litestar's handler for each kind of error."""
    return {
        ApiError: _answer_api_error,
        StoreError: _answer_store_error,
        EnvelopeError: _answer_damaged_task,
        HTTPException: _answer_framework_error,
        Exception: _answer_fault,
    }


def _answer_api_error(_request: Request[Any, Any, Any], error: ApiError) -> Response[bytes]:
    return _response(error)


def _answer_store_error(request: Request[Any, Any, Any], error: StoreError) -> Response[bytes]:
    api_error = from_store(error, _fault_code(request))
    if api_error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("store_failed", path=cut(request.scope["path"]), code=api_error.code, error=str(error))
    return _response(api_error)


def _answer_damaged_task(request: Request[Any, Any, Any], error: EnvelopeError) -> Response[bytes]:
    log.warning("task_damaged", path=cut(request.scope["path"]), error=str(error))
    return _response(ApiError(500, _fault_code(request), f"the stored task cannot be read: {error}"))


def _answer_framework_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = error.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _answer_fault(request, error)
    code = _FRAMEWORK_CODES.get(HTTPStatus(status), "INVALID_REQUEST")
    return _response(ApiError(status, code, _message(request, error), headers=error.headers))


def _answer_fault(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.error("request_failed", path=cut(request.scope["path"]), method=request.scope["method"], exc_info=error)
    return _response(ApiError(500, _fault_code(request), "the request failed; the log says why"))


def _message(request: Request[Any, Any, Any], error: HTTPException) -> str:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return f"there is nothing at {cut(request.scope['path'])}"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return f"{cut(request.scope['path'])} does not take {cut(request.scope['method'])}"
    return cut(error.detail, _DETAIL_LENGTH)


def _fault_code(request: Request[Any, Any, Any]) -> str:
    """The route's code for errors of the server."""
    try:
        options = request.scope["route_handler"].opt
    except KeyError:  # no route matched
        return _FAULT_CODE
    return str(options.get("fault_code", _FAULT_CODE))


def _response(error: ApiError) -> Response[bytes]:
    return Response(encode(error.body), status_code=error.status, headers=error.headers, media_type="application/json")
