from __future__ import annotations

from importlib.metadata import version

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from queuecore.observe.tracing.context import TraceTexts
from queuecore.observe.tracing.names import SCOPE
from queuecore.observe.tracing.sdk_tracer import SdkTracer
from queuecore.observe.tracing.shortcuts import LateSpan, Sampling, TraceIds
from queuecore.observe.tracing.tracer import Attributes

SENDER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = SENDER[:-1] + "0"


class Bench:
    """The SDK, and tracers whose spans arrive at an exporter at once."""

    def __init__(self, *, obeys_parent: bool = True, kept_below: int | None = None) -> None:
        self.ids = TraceIds()
        self.provider = TracerProvider(id_generator=self.ids, shutdown_on_exit=False)
        self.exporter = InMemorySpanExporter()
        processor = SimpleSpanProcessor(self.exporter)
        self.provider.add_span_processor(processor)
        self.sdk = self.provider.get_tracer(SCOPE, version("taskyard-core"))
        sampling = Sampling(self.ids, obeys_parent=obeys_parent, kept_below=kept_below)
        self.tracer = SdkTracer(self.provider, sampling, processor.on_end, "worker-1")

    def begin(self, name: str, sender: TraceTexts, attributes: Attributes) -> LateSpan:
        return LateSpan(self.tracer._process, name, sender, dict(attributes))

    def exported(self) -> ReadableSpan:
        (span,) = self.exporter.get_finished_spans()
        return span
