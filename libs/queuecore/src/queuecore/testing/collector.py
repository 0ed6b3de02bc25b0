"""An OTLP collector for tests, over HTTP and gRPC, that keeps the received spans."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc  # type: ignore[import-untyped]
import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

_HOST = "127.0.0.1"


class ReceivedSpan(msgspec.Struct, frozen=True):
    """A received span."""

    name: str
    kind: str
    """SERVER, PRODUCER, CONSUMER, CLIENT or INTERNAL."""
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for a root span."""
    links: list[tuple[str, str]]
    """Pairs of trace id and span id."""
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    failed: bool
    """True when its status is ERROR."""
    status_message: str
    tracestate: str
    resource: dict[str, Any]
    started_at_ns: int
    ended_at_ns: int

    @property
    def service(self) -> str:
        """The service that recorded it."""
        return str(self.resource["service.name"])


class Collector:
    """The received spans, and the answers to requests."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.spans: list[ReceivedSpan] = []
        self.requests: list[dict[str, str]] = []
        """The headers of each request, refused ones included; names in lower case."""
        self.refusals: list[int] = []
        """HTTP status codes for the next requests, which are refused."""
        self.gate = threading.Event()
        """Requests block until it is set."""
        self.gate.set()

    def of_task(self, task_id: str) -> list[ReceivedSpan]:
        """The spans of a task, by start time."""
        spans = [span for span in list(self.spans) if span.attributes.get("messaging.message.id") == task_id]
        return sorted(spans, key=lambda span: span.started_at_ns)

    def receive(self, headers: dict[str, str], data: bytes) -> int:
        """Receive one request; the HTTP status of the answer."""
        self.requests.append(headers)
        self.gate.wait()
        if self.refusals:
            return self.refusals.pop(0)
        self.spans += _read(ExportTraceServiceRequest.FromString(data))
        return 200


@contextmanager
def http_collector(port: int = 0) -> Iterator[Collector]:
    """A collector of OTLP over HTTP, on ``port`` or a free one."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(collector.receive({**headers, ":path": self.path}, body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer((_HOST, port), Handler) as server:
        server.daemon_threads = True
        collector.endpoint = f"http://{_HOST}:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield collector
        finally:
            collector.gate.set()
            server.shutdown()


@contextmanager
def grpc_collector() -> Iterator[Collector]:
    """A collector of OTLP over gRPC, on a free port."""
    collector = Collector()

    class Servicer(TraceServiceServicer):
        def Export(  # noqa: N802 - the protocol's name
            self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
        ) -> ExportTraceServiceResponse:
            if collector.receive(dict(context.invocation_metadata()), request.SerializeToString()) != 200:
                context.abort(grpc.StatusCode.UNAVAILABLE, "try again")
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(4))
    add_TraceServiceServicer_to_server(Servicer(), server)  # type: ignore[no-untyped-call]
    collector.endpoint = f"http://{_HOST}:{server.add_insecure_port(f'{_HOST}:0')}"
    server.start()
    try:
        yield collector
    finally:
        collector.gate.set()
        server.stop(grace=None).wait()


def _read(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _span(span, resource)


def _span(span: Span, resource: dict[str, Any]) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        attributes=_attributes(span.attributes),
        events=[(event.name, _attributes(event.attributes)) for event in span.events],
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        status_message=span.status.message,
        tracestate=span.trace_state,
        resource=resource,
        started_at_ns=span.start_time_unix_nano,
        ended_at_ns=span.end_time_unix_nano,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair) for pair in pairs}


def _value(pair: KeyValue) -> Any:
    value: AnyValue = pair.value
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None
