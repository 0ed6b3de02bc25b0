"""Writes ``docs/metrics.md`` from the definitions of all metrics: ``make docs``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from queuecore.observe.metrics import definitions as metrics
from queuecore.observe.metrics.definitions import CounterDefinition, Definition, HistogramDefinition
from queuecore.store.queues.totals import RUN_BUCKETS_MS, WAIT_BUCKETS_MS

TARGET = Path(__file__).with_name("metrics.md")

HEAD = """\
# Metrics

The api answers `/metrics` on its port; scheduler, worker and controller on their probe port. Prometheus' text form is
the default; OpenMetrics comes to whoever asks for it (`Accept: application/openmetrics-text`), and gzip likewise.

- **Stored** metrics are kept in the store, by its scripts. They survive every process, and each replica of the api
  shows the same ones: take the maximum over replicas, not the sum, as in `max by (queue)
  (rate(taskyard_tasks_processed_total{outcome="completed"}[5m]))`. All others count within one process and begin at 0
  with it: add them up.
- **Labels** have few values. A request that no route answers counts under the route `unmatched`, a method that HTTP
  does not know as `other`. A type that no worker has registered counts as `unregistered`, one that a worker was
  handed without having a handler for it as `unhandled`, a task that cannot be read as `unreadable`. Callers do choose
  the names of queues.
- **A lapsed lease** ends an attempt: it counts as `taskyard_tasks_processed_total{outcome="lost"}`, for each queue
  and type. A success that comes late after all counts as `completed` beside it.
- **A scrape** of the api costs one round trip to the store, and as much with ten tasks as with ten million. Queues
  and workers that were not there at the last scrape cost one more, once. While the store is away, the scrape has the
  process's own metrics and `taskyard_store_ready 0`.
- **Exemplars**: where traces are on, the buckets of `taskyard_http_request_duration_seconds` and of
  `taskyard_worker_task_duration_seconds` name the latest trace that fell into them and is kept. Only OpenMetrics
  shows them.

`make docs` writes this page from the definitions in `queuecore.observe.metrics.definitions`.
"""

SECTIONS: list[tuple[str, str, Sequence[Definition]]] = [
    ("Stored", "Exposed by the api.", metrics.STORED),
    ("Api", "Exposed by the api.", metrics.OF_API),
    ("Scheduler", "Exposed by the scheduler.", metrics.OF_SCHEDULER),
    ("Worker", "Exposed by the worker.", metrics.OF_WORKER),
    ("Controller", "Exposed by the controller that leads.", metrics.OF_CONTROLLER),
    ("Calls to the store", "Exposed by api, scheduler and worker.", metrics.OF_STORE_CALLS),
    ("Every process", "Exposed by api, scheduler, worker and controller.", metrics.OF_EVERY_PROCESS),
]

RUNTIME = """
Beside it, each process exposes the usual metrics of Python and of its process: `process_resident_memory_bytes`,
`process_cpu_seconds_total`, `process_open_fds`, `process_max_fds`, `process_start_time_seconds`, `python_info`,
`python_gc_collections_total`, `python_gc_objects_collected_total` and `python_gc_objects_uncollectable_total`.
"""

BUCKETS = """
## Buckets

Bounds are dense where an answer is expected and where alerts look, and get wider above. Ten to eighteen buckets keep
a series affordable for each queue and type.

- Requests: most take one or a few milliseconds; a body may take up to 30 s to arrive.
- Stored durations and waits: from a millisecond to a quarter of an hour or an hour, since one system has no-op tasks
  and transcodings side by side. Each bucket is a field in the store, so there are no more than what a heat map needs.
- Durations in a worker: coarser, as there is one series per pod, queue and type. They find the slow pod and the
  trace.
- Lateness: the goal is 2 ms, and minutes mean that the scheduler cannot keep up.
- Calls to the store: well under a millisecond in one data centre.

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
