from __future__ import annotations

import re

from litestar import Litestar
from litestar.routes import HTTPRoute

from queueapi.app import create_api
from queueapi.routes.openapi import describe_api
from queueapi.settings import ApiSettings


async def test_the_document_and_the_routes_name_the_same_operations() -> None:
    app = create_api(ApiSettings()).asgi._app._app._app  # type: ignore[attr-defined]  # inside of monitor, HEAD and OPTIONS
    assert isinstance(app, Litestar)
    routes = {
        (re.sub(r":\w+}", "}", route.path), method.lower())
        for route in app.routes
        for method in (route.methods if isinstance(route, HTTPRoute) else ["POST"])
        if method != "OPTIONS"
    }

    described = {(path, method) for path, item in describe_api()["paths"].items() for method in item}

    assert described == routes


def test_every_operation_has_an_id_of_its_own_and_describes_its_path_parameters() -> None:
    operations = [(path, each) for path, item in describe_api()["paths"].items() for each in item.values()]

    assert len({operation["operationId"] for _, operation in operations}) == len(operations)
    for path, operation in operations:
        references = [parameter["$ref"].rsplit("/", 1)[1] for parameter in operation.get("parameters", ())]
        assert ("TaskId" in references) == ("{task_id}" in path)
        assert ("QueueName" in references) == ("{queue}" in path)
