"""Pieces of PromQL.

What the store keeps is told by every replica of the api, and each tells the same. So each series is first brought to
one copy, by the maximum over the replicas of a job, and only then summed. The rate comes before the maximum: a replica
that has just started has no rate yet, and must not disturb that of the others.
"""

from __future__ import annotations

RATE = "[$__rate_interval]"
IN_NAMESPACE = 'namespace=~"$namespace"'
IN_QUEUE = f'{IN_NAMESPACE}, queue=~"$queue"'
IN_TYPE = f'{IN_QUEUE}, type=~"$type"'


def stored(metric: str, *by: str, where: str = IN_QUEUE) -> str:
    """A gauge of the store, one copy of each series, by namespace, job and ``by``."""
    return f"max by ({', '.join(('namespace', 'job', *by))}) ({metric}{{{where}}})"


def stored_rate(metric: str, *by: str, where: str = IN_QUEUE) -> str:
    """A counter of the store, per second, one copy of each series, by namespace, job and ``by``."""
    return f"max by ({', '.join(('namespace', 'job', *by))}) (rate({metric}{{{where}}}{RATE}))"


def total(expression: str, *by: str) -> str:
    """The sum, by ``by``."""
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def rate(metric: str, *by: str, where: str = IN_NAMESPACE) -> str:
    """A counter of single processes, per second, summed."""
    return total(f"rate({metric}{{{where}}}{RATE})", *by)


def share(part: str, whole: str) -> str:
    """A part of a whole, from 0 to 1; nothing where the whole is nothing."""
    return f"{part} / ({whole} > 0)"


def or_zero(expression: str) -> str:
    """An expression by queue, and 0 for the queues of which it tells nothing: a counter begins with its first event."""
    queues = total(stored("taskyard_queue_tasks", "queue", where=f'{IN_QUEUE}, state="pending"'), "queue")
    return f"{expression} or on (queue) 0 * {queues}"


def stored_quantile(quantile: float, metric: str, *by: str, where: str = IN_QUEUE) -> str:
    """A quantile of a histogram of the store. Its series also have the label ``type``."""
    buckets = stored_rate(f"{metric}_bucket", "queue", "type", "le", where=where)
    return f"histogram_quantile({quantile}, {total(buckets, *by, 'le')})"


def quantile(of: float, metric: str, *by: str, where: str = IN_NAMESPACE) -> str:
    """A quantile of a histogram of single processes."""
    return f"histogram_quantile({of}, {rate(f'{metric}_bucket', *by, 'le', where=where)})"


def of_service(expression: str, service: str) -> str:
    """Only those series of ``expression`` that pods of a service tell."""
    return f'{expression} and on (namespace, pod) taskyard_build_info{{{IN_NAMESPACE}, service="{service}"}}'
