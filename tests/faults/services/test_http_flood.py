from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator

import pytest

from queuecore.embedded import HOST
from tests.faults.services.http_crowd import crowd, drip
from tests.support.service_process import ServiceProcess, plain_http
from tests.support.system import System

_SILENT_CROWD = 10_000
_POLITE_CROWD = 3_000
_SPARE_FILES = 500
_PROBE_TIMEOUT_S = 5.0
"""Far less than the api grants to clients that say nothing: nobody has to wait for their end."""
_CUT_S = 10.0
_POST = b"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_TIMED_OUT = b"HTTP/1.1 408 Request Timeout"
_DRIPS = [
    (b"", b"", b""),
    (b"GET /liv", b"e", b""),
    (b"GET /live HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n", b""),
    (_POST + b"Content-Length: 100000\r\n\r\n{", b" ", _TIMED_OUT),
    (_POST + b"Content-Length: 100000\r\n\r\n{", b"", _TIMED_OUT),
    (_POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", _TIMED_OUT),
    (b"GET /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n", b" ", b"HTTP/1.1 200 OK"),
]
"""How a request begins, what drips after it, and the first line of the answer if there is one."""


@pytest.fixture
async def api(system: System) -> ServiceProcess:
    return await system.start_api()


@pytest.fixture
def files() -> Iterator[None]:
    """Files enough for the crowd."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _SILENT_CROWD + _SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"the api was not flooded: that needs {needed} open files, and this machine allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("files")
async def test_api_answers_others_when_thousands_of_connections_say_nothing(api: ServiceProcess) -> None:
    async with crowd(HOST, api.port, _SILENT_CROWD):
        assert await _ask(api) == [200, 200]


@pytest.mark.usefixtures("files")
async def test_api_answers_others_and_ends_when_thousands_of_connections_are_kept_alive(
    system: System, api: ServiceProcess
) -> None:
    async with crowd(HOST, api.port, _POLITE_CROWD) as connections:
        assert set(await asyncio.gather(*(each.ask("/live") for each in connections))) == {200}
        assert await _ask(api) == [200, 200]
        assert set(await asyncio.gather(*(each.ask("/live") for each in connections))) == {200}
        assert await system.stop(api) == 0


async def test_clients_are_cut_when_they_drip(system: System) -> None:
    api = await system.start_api(TASKYARD_API_HEADER_TIMEOUT="1s", TASKYARD_API_BODY_TIMEOUT="1s")
    async with crowd(HOST, api.port, 50 * len(_DRIPS)) as connections, asyncio.timeout(_CUT_S):
        dripping = asyncio.gather(
            *(
                drip(connection, beginning, drop)
                for connection, (beginning, drop, _) in zip(connections, 50 * _DRIPS, strict=True)
            )
        )
        assert await _ask(api) == [200, 200]
        answers = await dripping
    statuses = [answer.partition(b"\r\n")[0] for answer in answers]
    assert statuses == 50 * [status for _, _, status in _DRIPS]


async def _ask(api: ServiceProcess) -> list[int]:
    async with plain_http(api.url, _PROBE_TIMEOUT_S) as http:
        return [(await http.get(path)).status_code for path in ("/live", "/ready")]
