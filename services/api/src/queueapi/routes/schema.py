"""The description of the api for machines."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from queueapi.http.response import JsonResponse, encode
from queueapi.routes.openapi import describe_api

_MEDIA_TYPE = b"application/vnd.oai.openapi+json;version=3.1"


def schema_routes() -> list[HTTPRouteHandler]:
    """The routes of the OpenAPI document."""
    document = encode(describe_api())

    @get("/schema")
    async def schema() -> ASGIApp:
        return JsonResponse(document, media_type=_MEDIA_TYPE)

    @get("/schema/openapi.json")
    async def schema_json() -> ASGIApp:
        return JsonResponse(document)

    return [schema, schema_json]
