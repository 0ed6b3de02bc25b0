"""PromQL expressions.

Every replica of the API exports the same metrics of the store. Each series is therefore deduplicated with the maximum
over the replicas of a job before it is summed. The rate is taken before the maximum, because a replica that has just
started has no rate yet and must not affect the others.
"""

from __future__ import annotations

RATE = "[$__rate_interval]"
IN_NAMESPACE = 'namespace=~"$namespace"'
IN_QUEUE = f'{IN_NAMESPACE}, queue=~"$queue"'
IN_TYPE = f'{IN_QUEUE}, type=~"$type"'


def stored(metric: str, *by: str, where: str = IN_QUEUE) -> str:
    """A gauge of the store, deduplicated, by namespace, job and ``by``."""
    return f"max by ({', '.join(('namespace', 'job', *by))}) ({metric}{{{where}}})"


def stored_rate(metric: str, *by: str, where: str = IN_QUEUE) -> str:
    """The rate of a counter of the store, deduplicated, by namespace, job and ``by``."""
    return f"max by ({', '.join(('namespace', 'job', *by))}) (rate({metric}{{{where}}}{RATE}))"


def total(expression: str, *by: str) -> str:
    """The sum, grouped by ``by``."""
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def rate(metric: str, *by: str, where: str = IN_NAMESPACE) -> str:
    """The summed rate of a counter that each process counts for itself."""
    return total(f"rate({metric}{{{where}}}{RATE})", *by)


def share(part: str, whole: str) -> str:
    """A part of a whole, from 0 to 1; no value if the whole is 0."""
    return f"{part} / ({whole} > 0)"


def or_zero(expression: str) -> str:
    """An expression by queue, with 0 for queues without a series: a counter does not exist before its first event."""
    queues = total(stored("taskyard_queue_tasks", "queue", where=f'{IN_QUEUE}, state="pending"'), "queue")
    return f"{expression} or on (queue) 0 * {queues}"


def stored_quantile(quantile: float, metric: str, *by: str, where: str = IN_QUEUE) -> str:
    """A quantile of a histogram of the store, whose series also have the label ``type``."""
    buckets = stored_rate(f"{metric}_bucket", "queue", "type", "le", where=where)
    return f"histogram_quantile({quantile}, {total(buckets, *by, 'le')})"


def quantile(of: float, metric: str, *by: str, where: str = IN_NAMESPACE) -> str:
    """A quantile of a histogram that each process keeps for itself."""
    return f"histogram_quantile({of}, {rate(f'{metric}_bucket', *by, 'le', where=where)})"


def of_service(expression: str, service: str) -> str:
    """The series of ``expression`` exported by pods of a service."""
    return f'{expression} and on (namespace, pod) taskyard_build_info{{{IN_NAMESPACE}, service="{service}"}}'
