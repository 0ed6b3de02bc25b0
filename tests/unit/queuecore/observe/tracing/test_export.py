from __future__ import annotations

import sys

import pytest

from queuecore.errors import ConfigError
from queuecore.observe.tracing.export import make_exporter
from queuecore.settings.shared import TraceSettings

_GRPC = "opentelemetry.exporter.otlp.proto.grpc"


def test_exporter_names_the_extra_when_grpc_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, _GRPC, None)
    monkeypatch.delitem(sys.modules, f"{_GRPC}.trace_exporter", raising=False)

    with pytest.raises(ConfigError, match=r"OTEL_EXPORTER_OTLP_PROTOCOL: .*\[otlp-grpc\].*http/protobuf"):
        make_exporter(TraceSettings(endpoint="http://127.0.0.1:4317", protocol="grpc"))
