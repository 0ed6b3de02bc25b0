"""Every error that the controller raises on purpose.

::

    TaskyardError
    └── ControllerError            a pool cannot be kept as it says
        ├── InvalidPool                its spec says what no pool can be
        ├── PoolRefused                another one scales the same target
        ├── TargetMissing              there is no such Deployment
        ├── ReadingFailed              an endpoint gave nothing that can be relied on
        │   ├── MetricsMissing             no answer, no series, or old ones
        │   └── MetricsImplausible         an answer that cannot be true
        └── ClusterError               the Kubernetes API did not do what it was asked
            ├── ClusterUnavailable         no answer, 429 or 5xx
            ├── ClusterForbidden           401 or 403
            ├── ObjectMissing              404
            └── ObjectChanged              409: somebody else was faster
"""

from __future__ import annotations

from queuecore.errors import TaskyardError


class ControllerError(TaskyardError):
    """The pool cannot be kept as it says."""

    reason = "Failed"
    """For conditions and Events, in CamelCase."""


class InvalidPool(ControllerError):
    """The pool's spec says what no pool can be."""

    reason = "InvalidSpec"


class PoolRefused(ControllerError):
    """Another one scales the same target.

    Args:
        reason: who, in CamelCase.
        message: who, in a sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TargetMissing(ControllerError):
    """There is no such Deployment."""

    reason = "TargetNotFound"


class ReadingFailed(ControllerError):
    """An endpoint gave nothing that can be relied on."""

    reason = "ReadingFailed"


class MetricsMissing(ReadingFailed):
    """The state of the queues cannot be had, or is old."""

    reason = "MetricsMissing"


class MetricsImplausible(ReadingFailed):
    """The metrics say what cannot be true."""

    reason = "MetricsImplausible"


class ClusterError(ControllerError):
    """The Kubernetes API did not do what it was asked."""

    reason = "KubernetesRefused"


class ClusterUnavailable(ClusterError):
    """The Kubernetes API did not answer, or had no time.

    Args:
        message: what it said.
        retry_after_s: how long it asks to be left alone.
    """

    reason = "KubernetesUnavailable"

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ClusterForbidden(ClusterError):
    """The controller's role does not allow it."""

    reason = "Forbidden"


class ObjectMissing(ClusterError):
    """There is no such object."""

    reason = "NotFound"


class ObjectChanged(ClusterError):
    """Somebody else changed the object first."""

    reason = "Conflict"
