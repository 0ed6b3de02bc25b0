"""Options of a relay."""

from __future__ import annotations

import msgspec

from queuecore.errors import InvalidField
from taskyard.options import Duration, to_ms


class RelayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Limits and times of a relay.

    Raises:
        InvalidField: a value is out of its range.
    """

    batch: int = 100
    """Most rows of one claim, 1 to 500."""
    poll: Duration = "500ms"
    """Time between two searches for rows while none is due."""
    timeout: Duration = "20s"
    """Time limit of a call of the API, repeats included."""
    claim: Duration = "1m"
    """Time after which another relay may take the rows of one that died; longer than ``timeout``."""
    retention: Duration = "24h"
    """Time that a row is kept after its task was enqueued. Refused rows are kept until someone deletes them."""

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= 500:
            raise InvalidField("batch", self.batch, "an integer from 1 to 500")
        for name in ("poll", "timeout"):
            if to_ms(getattr(self, name), name) == 0:
                raise InvalidField(name, getattr(self, name), "a duration above 0")
        to_ms(self.retention, "retention")
        if self.claim_ms <= self.timeout_ms:
            raise InvalidField("claim", self.claim, f"a duration longer than the timeout of {self.timeout}")

    @property
    def poll_s(self) -> float:
        """``poll`` in seconds."""
        return to_ms(self.poll, "poll") / 1000

    @property
    def timeout_ms(self) -> int:
        """``timeout`` in ms."""
        return to_ms(self.timeout, "timeout")

    @property
    def claim_ms(self) -> int:
        """``claim`` in ms."""
        return to_ms(self.claim, "claim")

    @property
    def retention_ms(self) -> int:
        """``retention`` in ms."""
        return to_ms(self.retention, "retention")
