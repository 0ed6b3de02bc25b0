from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from prometheus_client.exposition import choose_encoder, gzip_accepted

from tests.support.declared_bound import assert_bounded_to_minor


@pytest.mark.parametrize("library", ["opentelemetry-sdk", "prometheus-client"])
def test_library_is_bounded_to_the_installed_minor(library: str) -> None:
    assert_bounded_to_minor("taskyard-core", library)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (
            ReadableSpan,
            {
                "name", "context", "parent", "resource", "attributes", "kind",
                "start_time", "end_time", "instrumentation_scope",
            },
        ),
        (BoundedAttributes, {"maxlen", "attributes", "immutable", "max_value_len"}),
        (Resource, {"attributes", "schema_url"}),
        (BatchSpanProcessor.on_end, {"span"}),
        (TraceIdRatioBased.get_bound_for_rate, {"rate"}),
        (choose_encoder, {"accept_header"}),
        (gzip_accepted, {"accept_encoding_header"}),
    ],
    ids=lambda each: getattr(each, "__qualname__", ""),
)  # fmt: skip
def test_library_takes_what_we_pass(function: Callable[..., Any], parameters: set[str]) -> None:
    assert parameters <= inspect.signature(function).parameters.keys()


def test_ended_span_of_opentelemetry_keeps_what_we_override() -> None:
    span = ReadableSpan("name", attributes={"some": "attribute"})
    assert span._attributes == {"some": "attribute"}
    assert {"attributes", "links", "parent"} <= vars(ReadableSpan).keys()


def test_span_limits_of_opentelemetry_have_those_that_we_apply() -> None:
    limits = SpanLimits(max_span_attributes=3, max_span_attribute_length=5)
    assert (limits.max_span_attributes, limits.max_span_attribute_length) == (3, 5)


def test_prometheus_client_chooses_an_encoder_of_registries() -> None:
    encode, media_type = choose_encoder("")
    assert next(iter(inspect.signature(encode).parameters)) == "registry"
    assert media_type.startswith("text/plain")
    assert gzip_accepted("gzip, br")
    assert not gzip_accepted("br")
