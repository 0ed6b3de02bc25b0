"""The tasks of the shop."""

import msgspec

from taskyard import Taskyard

app = Taskyard()


class Confirmation(msgspec.Struct):
    """An order to confirm to its customer."""

    number: str
    email: str


@app.task("order:confirm", max_retries=5, retention="1h")
async def confirm(confirmation: Confirmation) -> dict[str, str]:
    """Pretend to send an e-mail."""
    return {"sent_to": confirmation.email}
