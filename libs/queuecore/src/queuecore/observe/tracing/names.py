"""Span attributes: OpenTelemetry's semantic conventions, and Taskyard's own under ``taskyard.``.

The messaging conventions are still in development; the names follow semantic conventions 1.37.
"""

from __future__ import annotations

SYSTEM = "taskyard"
"""Value of `messaging.system`."""
SCOPE = "taskyard"
"""Instrumentation scope of all spans."""

MESSAGING_SYSTEM = "messaging.system"
MESSAGING_OPERATION_NAME = "messaging.operation.name"
MESSAGING_OPERATION_TYPE = "messaging.operation.type"
MESSAGING_DESTINATION = "messaging.destination.name"
"""The queue."""
MESSAGING_MESSAGE_ID = "messaging.message.id"
"""The task's id."""
MESSAGING_BATCH_COUNT = "messaging.batch.message_count"
MESSAGING_CLIENT_ID = "messaging.client.id"
"""The worker."""

HTTP_METHOD = "http.request.method"
HTTP_METHOD_ORIGINAL = "http.request.method_original"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"
URL_FULL = "url.full"
URL_PATH = "url.path"
URL_SCHEME = "url.scheme"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"

DB_SYSTEM = "db.system.name"
DB_OPERATION = "db.operation.name"
DB_STORED_PROCEDURE = "db.stored_procedure.name"
DB_BATCH_SIZE = "db.operation.batch.size"

ERROR_TYPE = "error.type"
EXCEPTION = "exception"
"""Name of the event that describes an exception."""
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"

K8S_NAMESPACE = "k8s.namespace.name"

TASK_TYPE = "taskyard.task.type"
TASK_ATTEMPT = "taskyard.task.attempt"
"""1 for the first."""
TASK_OUTCOME = "taskyard.task.outcome"
"""As in the attempt history; `released` for an attempt that a drain stopped."""
TASK_WAITED = "taskyard.task.waited_ms"
"""Time the task was pending before this attempt."""
TASK_RETRY_IN = "taskyard.task.retry_in_ms"
TASK_REASON = "taskyard.task.reason"
"""Reason for the dead letter."""
SEND_REPLAYED = "taskyard.send.replayed"
"""True if an earlier request had enqueued the task."""
SEND_REFUSED = "taskyard.send.refused"
"""Number of refused tasks in a batch."""
WORKERPOOL = "taskyard.workerpool.name"
