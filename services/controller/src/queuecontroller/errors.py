"""Errors of the controller.

::

    TaskyardError
    └── ControllerError            a pool cannot be reconciled
        ├── InvalidSpec                its spec is invalid
        ├── TargetConflict             another autoscaler has the same target
        ├── TargetNotFound             there is no such Deployment
        ├── ReadingFailed              an endpoint returned no usable data
        │   ├── MetricsMissing             no response, no series, or stale ones
        │   └── MetricsImplausible         impossible or contradictory values
        └── ClusterError               the Kubernetes API rejected a request
            ├── ClusterUnavailable         no response, 429 or 5xx
            ├── ClusterForbidden           401 or 403
            ├── ObjectNotFound             404
            └── ObjectConflict             409: another client changed the object first
"""

from __future__ import annotations

from queuecore.errors import TaskyardError


class ControllerError(TaskyardError):
    """The pool cannot be reconciled."""

    reason = "Failed"
    """For conditions and Events, in CamelCase."""


class InvalidSpec(ControllerError):
    """The pool's spec is invalid."""

    reason = "InvalidSpec"


class TargetConflict(ControllerError):
    """Another autoscaler has the same target.

    Args:
        reason: the kind of conflict, in CamelCase.
        message: the other autoscaler, in a sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TargetNotFound(ControllerError):
    """There is no such Deployment."""

    reason = "TargetNotFound"


class ReadingFailed(ControllerError):
    """An endpoint returned no usable data."""

    reason = "ReadingFailed"


class MetricsMissing(ReadingFailed):
    """Queue metrics are unavailable or stale."""

    reason = "MetricsMissing"


class MetricsImplausible(ReadingFailed):
    """Queue metrics have impossible or contradictory values."""

    reason = "MetricsImplausible"


class ClusterError(ControllerError):
    """The Kubernetes API rejected a request."""

    reason = "KubernetesRefused"


class ClusterUnavailable(ClusterError):
    """The Kubernetes API is unreachable or overloaded.

    Args:
        message: its response.
        retry_after_s: the delay that it asks for, in seconds; 0 for none.
    """

    reason = "KubernetesUnavailable"

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ClusterForbidden(ClusterError):
    """The controller's role does not allow the request."""

    reason = "Forbidden"


class ObjectNotFound(ClusterError):
    """There is no such object."""

    reason = "NotFound"


class ObjectConflict(ClusterError):
    """Another client changed the object first."""

    reason = "Conflict"
