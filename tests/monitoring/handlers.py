"""Two additional task types."""

from __future__ import annotations

import msgspec

from queueworker import Handlers

handlers = Handlers()


class Report(msgspec.Struct, forbid_unknown_fields=True):
    pages: int = 1


@handlers.register("report")
async def write_report(report: Report) -> int:
    return report.pages


@handlers.register("picture")
def draw_picture(report: Report) -> int:
    return report.pages
