"""Tracing setup: OpenTelemetry's SDK as the settings say, loaded only when tracing is on.

A thread exports spans from a bounded queue. While the collector is unreachable or slow, spans are dropped; the code
that makes spans never waits for it.
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4

import structlog
from opentelemetry import trace
from opentelemetry.context import attach
from opentelemetry.util.types import AttributeValue

from queuecore.observe.tracing.context import context_of
from queuecore.observe.tracing.tracer import PASSIVE, Tracer
from queuecore.settings.shared import TraceSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.sampling import Sampler

log = structlog.get_logger()


def start_tracing(
    service: str, settings: TraceSettings, export_interval_ms: int | None = None, worker: str = ""
) -> Tracer:
    """Begin to trace, if the settings name a collector.

    In a worker, the asyncio tasks of attempts must descend from the caller's.

    Args:
        service: api, scheduler, worker or controller.
        settings: as read from the environment.
        export_interval_ms: time between exports; ``None``: ``OTEL_BSP_SCHEDULE_DELAY``, or 5 s.
        worker: the worker's id, in the process that runs attempts.

    Returns:
        The process's tracer; :data:`~queuecore.observe.tracing.tracer.PASSIVE` when tracing is off.

    Raises:
        ConfigError: the library of the protocol is not installed.
    """
    if not settings.on:
        return PASSIVE
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - not loaded when it is off
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    from queuecore.observe.tracing.export import make_exporter, quieten_library  # noqa: PLC0415
    from queuecore.observe.tracing.sdk_tracer import SdkTracer  # noqa: PLC0415
    from queuecore.observe.tracing.shortcuts import Sampling, TraceIds, UnsampledAttempt  # noqa: PLC0415

    quieten_library()
    ids = TraceIds()
    # Tracer.stop stops it within a limit; the interpreter's end would have none.
    provider = TracerProvider(
        _sampler(settings), _resource(service, settings), shutdown_on_exit=False, id_generator=ids
    )
    processor = BatchSpanProcessor(make_exporter(settings), schedule_delay_millis=export_interval_ms)
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    log.info("tracing_started", endpoint=settings.traces_endpoint or settings.endpoint, sampler=settings.sampler)
    obeys_parent = settings.sampler.startswith("parentbased_")
    sampling = Sampling(ids, obeys_parent=obeys_parent, kept_below=_kept_below(settings))
    if worker:
        attach(context_of(UnsampledAttempt(sampling.kept_below)))
    return SdkTracer(provider, sampling, processor.on_end, worker)


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
        "service.version": version("taskyard-core"),
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
