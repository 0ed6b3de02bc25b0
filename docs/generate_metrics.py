"""Generates ``docs/metrics.md`` from the definitions of all metrics: ``make docs``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from queuecore.observe.metrics import definitions as metrics
from queuecore.observe.metrics.definitions import CounterDefinition, Definition, HistogramDefinition
from queuecore.store.queues.totals import RUN_BUCKETS_MS, WAIT_BUCKETS_MS

TARGET = Path(__file__).with_name("metrics.md")

HEAD = """\
# Metrics

For operators who write queries, dashboards and alerts. The page lists every metric with labels, unit and meaning, and
the histogram buckets.

The API serves `/metrics` on its port; scheduler, worker and controller on their probe port. The default is Prometheus'
text format; `Accept: application/openmetrics-text` selects OpenMetrics. Gzip is supported.

- **Stored** metrics are counted by the scripts in the store. They survive every process, and all API replicas expose
  the same values: take the maximum over replicas, not the sum, as in `max by (queue)
  (rate(taskyard_tasks_processed_total{outcome="completed"}[5m]))`. All other metrics are counted per process and start
  at 0 with it: sum them.
- **Labels** have few values. Requests that match no route have the route `unmatched`, unknown HTTP methods the method
  `other`. Types that no worker has registered have the type `unregistered`, tasks leased by a worker without a handler
  for them `unhandled`, tasks that cannot be decoded `unreadable`. Callers choose the names of queues.
- **Expired leases** end an attempt, which counts as `taskyard_tasks_processed_total{outcome="lost"}` per queue and
  type. A late success of that attempt counts as `completed` in addition, and in
  `taskyard_tasks_late_successes_total`: subtract it from the sum over all outcomes to get the number of attempts. With
  `state="archived"` it is the number of archived tasks that are completed now.
- **A scrape** of the API costs one round trip to the store, with ten tasks or ten million. Queues and workers that are
  new since the last scrape cost a second one, once. During a store outage the scrape has the process's own metrics and
  `taskyard_store_ready 0`.
- **Exemplars**: with tracing enabled, the buckets of `taskyard_http_request_duration_seconds` and
  `taskyard_worker_task_duration_seconds` contain the trace ID of the latest sampled observation. Only OpenMetrics
  contains exemplars.

`make docs` generates this page from the definitions in `queuecore.observe.metrics.definitions`.
"""

SECTIONS: list[tuple[str, str, Sequence[Definition]]] = [
    ("Stored", "Exposed by the API.", metrics.STORED),
    ("API", "Exposed by the API.", metrics.OF_API),
    ("Scheduler", "Exposed by the scheduler.", metrics.OF_SCHEDULER),
    ("Worker", "Exposed by the worker.", metrics.OF_WORKER),
    ("Controller", "Exposed by the leading controller.", metrics.OF_CONTROLLER),
    ("Store calls", "Exposed by API, scheduler and worker.", metrics.OF_STORE_CALLS),
    ("All processes", "Exposed by API, scheduler, worker and controller.", metrics.OF_EVERY_PROCESS),
]

RUNTIME = """
Each process also exposes the standard Python and process metrics: `process_resident_memory_bytes`,
`process_cpu_seconds_total`, `process_open_fds`, `process_max_fds`, `process_start_time_seconds`, `python_info`,
`python_gc_collections_total`, `python_gc_objects_collected_total` and `python_gc_objects_uncollectable_total`.
"""

BUCKETS = """
## Buckets

Bounds are dense around expected values and alert thresholds, and wider above. Ten to eighteen buckets keep the number
of series per queue and type affordable.

- Requests: most take one or a few milliseconds; receiving a body may take up to 30 s.
- Stored durations and waits: from a millisecond to a quarter of an hour or an hour, since one system runs no-op tasks
  and video transcoding side by side. Each bucket is a field in the store, so there are only as many as a heat map
  needs.
- Durations per worker: coarser, since there is one series per pod, queue and type. They identify the slow pod and the
  trace.
- Lateness: the goal is 2 ms; minutes mean that the scheduler cannot keep up.
- Store calls: well under a millisecond within a data centre.

| Histogram | Upper bounds in seconds |
|---|---|
"""

_STORED_BOUNDS_MS = {metrics.TASK_DURATION.name: RUN_BUCKETS_MS, metrics.TASK_WAIT.name: WAIT_BUCKETS_MS}


def render() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, exposed, definitions in SECTIONS:
        parts.append(f"\n## {title}\n\n{exposed}\n\n" + "\n".join(_table(definitions)) + "\n")
    every = [each for _, _, definitions in SECTIONS for each in definitions]
    histograms = [each for each in every if isinstance(each, HistogramDefinition)]
    return "".join([*parts, RUNTIME, BUCKETS, *(f"| `{each.name}` | {_bounds(each)} |\n" for each in histograms)])


def _table(definitions: Sequence[Definition]) -> Iterator[str]:
    yield "| Name | Type | Unit | Labels | Meaning |"
    yield "|---|---|---|---|---|"
    for each in definitions:
        labels = ", ".join(f"`{label}`" for label in each.labels)
        yield f"| `{each.name}` | {_type(each)} | {each.unit} | {labels} | {each.meaning} |"


def _type(definition: Definition) -> str:
    if isinstance(definition, HistogramDefinition):
        return "histogram"
    return "counter" if isinstance(definition, CounterDefinition) else "gauge"


def _bounds(definition: HistogramDefinition) -> str:
    stored = _STORED_BOUNDS_MS.get(definition.name, ())
    return ", ".join(f"{bound:g}" for bound in definition.buckets_s or [bound / 1000 for bound in stored])


if __name__ == "__main__":
    TARGET.write_text(render())
