"""The attributes of spans: names of OpenTelemetry's semantic conventions, and those under ``taskyard.`` of our own.

The conventions for messaging are still in development; the names are those of semantic conventions 1.37.
"""

from __future__ import annotations

SYSTEM = "taskyard"
"""What `messaging.system` says."""
SCOPE = "taskyard"
"""The library that makes the spans."""

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

ERROR_TYPE = "error.type"
EXCEPTION = "exception"
"""The name of the event that tells of an exception."""
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"

TASK_TYPE = "taskyard.task.type"
TASK_ATTEMPT = "taskyard.task.attempt"
"""1 for the first."""
TASK_OUTCOME = "taskyard.task.outcome"
"""As in the attempt history; `released` for one that was given back unfinished."""
TASK_WAITED = "taskyard.task.waited_ms"
"""How long the task was pending before this attempt."""
TASK_RETRY_IN = "taskyard.task.retry_in_ms"
TASK_REASON = "taskyard.task.reason"
"""Why it was archived."""
SEND_REPLAYED = "taskyard.send.replayed"
"""Whether an earlier request had enqueued the task."""
SEND_REFUSED = "taskyard.send.refused"
"""How many tasks of a batch were refused."""
