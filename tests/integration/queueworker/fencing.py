"""The example of fencing in the documentation, as code."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from taskyard import Context

_PAGE = Path(__file__).parents[3] / "docs" / "handlers.md"


def _load_example() -> dict[str, Any]:
    blocks: list[str] = re.findall(r"```python\n(.+?)```", _PAGE.read_text(), re.DOTALL)
    (example,) = [block for block in blocks if "context.fence" in block]
    names: dict[str, Any] = {"Context": Context}
    exec(example, names)
    return names


_example = _load_example()
CREATE_TABLE: str = _example["CREATE_TABLE"]
write_report: Callable[[sqlite3.Connection, Context, str], bool] = _example["write_report"]
