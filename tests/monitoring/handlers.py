"""Two additional task types."""

from __future__ import annotations

import msgspec

from taskyard import Taskyard

app = Taskyard()


class Report(msgspec.Struct, forbid_unknown_fields=True):
    pages: int = 1


@app.task("report")
async def write_report(report: Report) -> int:
    return report.pages


@app.task("picture")
def draw_picture(report: Report) -> int:
    return report.pages
