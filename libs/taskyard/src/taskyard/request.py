"""A request: one task to enqueue, with its payload as JSON and all options resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic

from typing_extensions import TypeVar

from taskyard.errors import ResultError
from taskyard.options import queue_of, write_fields
from taskyard.payloads.codec import DecodeError, encode_json

R_co = TypeVar("R_co", covariant=True)


class Request(Generic[R_co]):
    """One task to enqueue; ``R_co`` is the type of its result. Enqueued twice, it becomes two tasks.

    Args:
        task_type: the task's type.
        payload: the payload: a JSON object.
        options: the options that are set.
        decode_result: decodes the JSON of the result.
    """

    __slots__ = ("_decode_result", "_options", "_payload", "_type")

    def __init__(
        self,
        task_type: str,
        payload: bytes,
        options: Mapping[str, Any],
        decode_result: Callable[[bytes], R_co],
    ) -> None:
        self._type = task_type
        self._payload = payload
        self._options = options
        self._decode_result = decode_result

    @property
    def type(self) -> str:
        """The task's type."""
        return self._type

    @property
    def queue(self) -> str:
        """The queue that it enters."""
        return queue_of(self._options)

    @property
    def payload(self) -> bytes:
        """The payload as JSON."""
        return self._payload

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that the call, the task or the app sets."""
        return self._options

    def decode_result(self, data: bytes) -> R_co:
        """Decode the result from JSON.

        Raises:
            ResultError: it is not of the type that the handler returns.
        """
        try:
            return self._decode_result(data)
        except DecodeError as error:
            raise ResultError(
                f"the result of a task of type {self._type} is not what its handler is declared to return: {error}; "
                "the worker may run another release of the app than this process"
            ) from error

    def body(self, now_ms: int) -> bytes:
        """The body of the request to the API: a JSON object.

        Args:
            now_ms: the current time, Unix ms; a ``delay`` counts from it.
        """
        head = encode_json({"type": self._type, **write_fields(self._options, now_ms)})
        return b'%b,"payload":%b}' % (head[:-1], self._payload)

    def __repr__(self) -> str:
        return f"<Request of {self._type} for {self.queue}>"
