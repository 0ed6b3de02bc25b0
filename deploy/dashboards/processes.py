"""Panels about the processes of a service, the last row of each service's dashboard."""

from __future__ import annotations

from deploy.dashboards.panel import Panel, Query, graph, listing
from deploy.dashboards.promql import IN_NAMESPACE, RATE, of_service


def processes(service: str) -> list[Panel]:
    """CPU, memory, open files, garbage collections and releases of a service's pods."""

    def each(expression: str) -> Query:
        return Query(f"sum by (pod) ({of_service(expression, service)})", "{{pod}}")

    return [
        graph(
            "CPU",
            "Cores used by each pod. A process uses little more than one.",
            each(f"rate(process_cpu_seconds_total{{{IN_NAMESPACE}}}{RATE})"),
        ),
        graph(
            "Memory",
            "Resident memory of each pod.",
            each(f"process_resident_memory_bytes{{{IN_NAMESPACE}}}"),
            unit="bytes",
        ),
        graph(
            "Open files",
            "Open files and connections of each pod.",
            each(f"process_open_fds{{{IN_NAMESPACE}}}"),
        ),
        graph(
            "Garbage collections",
            "Runs of Python's garbage collector per second, all generations.",
            each(f"sum by (namespace, pod) (rate(python_gc_collections_total{{{IN_NAMESPACE}}}{RATE}))"),
            unit="ops",
        ),
        listing(
            "Releases",
            "Pods by release. Two releases outside of a rollout mean an incomplete upgrade.",
            Query(
                f'count by (namespace, version) (taskyard_build_info{{{IN_NAMESPACE}, service="{service}"}})', "pods"
            ),
        ),
    ]
