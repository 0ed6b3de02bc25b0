"""The OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from queueapi.http.response import JsonResponse, encode
from queueapi.schemas.operation import Operation, Response

_MEDIA_TYPE = b"application/vnd.oai.openapi+json;version=3.1"

SCHEMA_OPERATIONS = (
    Operation(
        path="/schema",
        method="get",
        tag="schema",
        id="getSchema",
        summary="This document",
        responses={200: Response(dict, "This document", "application/vnd.oai.openapi+json")},
    ),
    Operation(
        path="/schema/openapi.json",
        method="get",
        tag="schema",
        id="getSchemaJson",
        summary="This document",
        responses={200: Response(dict, "This document")},
    ),
)


def schema_routes(document: Mapping[str, object]) -> list[HTTPRouteHandler]:
    """The routes for the OpenAPI document."""
    encoded = encode(document)

    @get("/schema")
    async def schema() -> ASGIApp:
        return JsonResponse(encoded, media_type=_MEDIA_TYPE)

    @get("/schema/openapi.json")
    async def schema_json() -> ASGIApp:
        return JsonResponse(encoded)

    return [schema, schema_json]
