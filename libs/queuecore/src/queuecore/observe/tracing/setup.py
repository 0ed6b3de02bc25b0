"""Tracing: OpenTelemetry's SDK as the settings say. Nothing of it is loaded or done while tracing is off.

Spans are sent by a thread from a queue with an upper bound. When the collector is away or slow, spans are dropped;
whoever makes spans never waits for it.
"""

from __future__ import annotations

import platform
import threading
from importlib.metadata import version
from random import random
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4

import structlog
from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Tracer
from opentelemetry.util.types import AttributeValue

from queuecore.observe.tracing.context import (
    LAST_DIGIT_OF_FLAGS,
    RANDOM_PART,
    UNSAMPLED_DIGITS,
    UnsampledRoot,
    UnsampledSpan,
    context_of,
    is_well_formed,
)
from queuecore.observe.tracing.names import SCOPE
from queuecore.settings.shared import TraceSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import Sampler

    from queuecore.observe.tracing.consumer_spans import Consumers
    from queuecore.observe.tracing.ids import TraceIds

FLUSH_S = 2.0
"""How long the end of the process may wait for the last spans to be sent."""

log = structlog.get_logger()

Attributes = dict[str, AttributeValue]


class Tracing:
    """Makes the spans of one process.

    Args:
        provider: the SDK.
        tracer: of the SDK.
        consumers: makes the spans of what is done with tasks.
        ids: the source of trace ids.
        obeys_parent: whether the sampler keeps a span exactly if its parent is kept.
        kept_below: of the spans without a parent, the sampler keeps those whose trace id's random part is below this;
            ``None``: all of them.
    """

    def __init__(
        self,
        provider: TracerProvider,
        tracer: Tracer,
        consumers: Consumers,
        ids: TraceIds,
        *,
        obeys_parent: bool,
        kept_below: int | None = None,
    ) -> None:
        self._provider = provider
        self.tracer = tracer
        self.consumers = consumers
        self._ids = ids
        self._obeys_parent = obeys_parent
        self.kept_below = kept_below
        self._kept_share = 1.0 if kept_below is None else kept_below / (1 << 64)

    def keeps(self, traceparent: str | None) -> bool:
        """Whether the trace is kept of what comes from this place; without a place, of the next that begins.

        The SDK would say the same, at several times the cost, and most traces are not kept.
        """
        if traceparent is not None and self._obeys_parent:
            return traceparent[LAST_DIGIT_OF_FLAGS] not in UNSAMPLED_DIGITS
        if self.kept_below is None:
            return True
        if traceparent is not None and is_well_formed(traceparent):
            return int(traceparent[RANDOM_PART], 16) < self.kept_below
        if random() >= self._kept_share:  # noqa: S311 - guards nothing
            return False
        self._ids.draw_below(self.kept_below)
        return True

    def passed_over(self, traceparent: str | None, tracestate: str | None) -> Context | None:
        """The context for what comes from this place in a trace if the trace is not kept, else ``None``."""
        if self.keeps(traceparent):
            return None
        return context_of(
            UnsampledRoot(self.kept_below or 0) if traceparent is None else UnsampledSpan(traceparent, tracestate)
        )

    def stop(self) -> None:
        """Send what is left, within :data:`FLUSH_S`."""
        # In a thread, as the SDK's own limits add up to half a minute.
        flush = threading.Thread(target=self._provider.shutdown, name="traces-flush", daemon=True)
        flush.start()
        flush.join(FLUSH_S)
        if flush.is_alive():
            log.warning("traces_not_sent", after_s=FLUSH_S)


def start_tracing(service: str, settings: TraceSettings, export_interval_ms: int | None = None) -> Tracing | None:
    """Begin to trace, if the settings say where to.

    Args:
        service: api, scheduler, worker or controller.
        settings: as read from the environment.
        export_interval_ms: how often spans are sent; ``None``: as ``OTEL_BSP_SCHEDULE_DELAY`` says, else every 5 s.

    Returns:
        ``None`` when tracing is off.

    Raises:
        ConfigError: the protocol cannot be spoken.
    """
    if not settings.on:
        return None
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - not loaded when it is off
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    from queuecore.observe.tracing.consumer_spans import Consumers  # noqa: PLC0415
    from queuecore.observe.tracing.export import make_exporter, quieten_library  # noqa: PLC0415
    from queuecore.observe.tracing.ids import TraceIds  # noqa: PLC0415

    quieten_library()
    ids = TraceIds()
    # It is stopped in time by us, not when the interpreter ends.
    provider = TracerProvider(
        _sampler(settings), _resource(service, settings), shutdown_on_exit=False, id_generator=ids
    )
    sending = BatchSpanProcessor(make_exporter(settings), schedule_delay_millis=export_interval_ms)
    provider.add_span_processor(sending)
    trace.set_tracer_provider(provider)
    log.info("tracing_started", endpoint=settings.traces_endpoint or settings.endpoint, sampler=settings.sampler)
    tracer = provider.get_tracer(SCOPE, version("queuecore"))
    return Tracing(
        provider,
        tracer,
        Consumers(provider, tracer, ids, sending.on_end),
        ids,
        obeys_parent=settings.sampler.startswith("parentbased_"),
        kept_below=_kept_below(settings),
    )


def make_current(span: Span) -> None:
    """Make a span the current one for the rest of this asyncio task, or of what runs in this copy of the context."""
    context_api.attach(context_of(span))


def _sampler(settings: TraceSettings) -> Sampler:
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, TraceIdRatioBased  # noqa: PLC0415

    kind = settings.sampler.removeprefix("parentbased_")
    roots = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}
    root = roots.get(kind) or TraceIdRatioBased(settings.sampler_arg)
    return ParentBased(root) if settings.sampler.startswith("parentbased_") else root


def _kept_below(settings: TraceSettings) -> int | None:
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # noqa: PLC0415

    shares = {"always_on": 1.0, "always_off": 0.0, "traceidratio": settings.sampler_arg}
    share = shares[settings.sampler.removeprefix("parentbased_")]
    return None if share == 1 else TraceIdRatioBased.get_bound_for_rate(share)


def _resource(service: str, settings: TraceSettings) -> Resource:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415

    from queuecore.observe.tracing.export import ProcessResource  # noqa: PLC0415

    attributes: dict[str, AttributeValue] = {
        "service.name": f"taskyard-{service}",
        "service.version": version("queuecore"),
        "service.instance.id": str(uuid4()),
        "host.name": platform.node(),
    }
    attributes |= _parse_attributes(settings.resource_attributes or "")
    if settings.service_name:
        attributes["service.name"] = settings.service_name
    created = Resource.create(attributes)
    return ProcessResource(created.attributes, created.schema_url)


def _parse_attributes(text: str) -> dict[str, AttributeValue]:
    pairs = (part.partition("=") for part in text.split(","))
    return {name.strip(): unquote(value.strip()) for name, separator, value in pairs if separator}
