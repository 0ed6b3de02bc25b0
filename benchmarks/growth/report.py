"""Tables and pictures of the studies in the documentation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Picture

from benchmarks.growth.curve import Curve, tabulate
from benchmarks.report.plot import save

_BEGIN, _END = "<!-- growth -->\n", "<!-- end of growth -->\n"


def write_curves(studies: dict[str, Sequence[Curve]], titles: dict[str, str], images: Path, page: Path) -> str:
    """Draw all curves and write their tables into the page, between its markers.

    Returns:
        The text written there.
    """
    sections = [_section(titles[study], curves, images, page) for study, curves in studies.items()]
    text = "\n".join(sections)
    before, rest = page.read_text().split(_BEGIN)
    page.write_text(f"{before}{_BEGIN}{text}{_END}{rest.split(_END)[1]}")
    return text


def write_json(studies: dict[str, Sequence[Curve]], path: Path) -> None:
    """Write the curves as JSON."""
    found = {study: [asdict(curve) for curve in curves] for study, curves in studies.items()}
    path.write_text(json.dumps(found, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Sequence[Curve]]:
    """Read a file of :func:`write_json`; empty without such a file."""
    if not path.exists():
        return {}
    kept = json.loads(path.read_text())
    return {study: [_read_curve(curve) for curve in curves] for study, curves in kept.items()}


def _read_curve(kept: dict[str, Any]) -> Curve:
    lines = {line: {int(size): value for size, value in values.items()} for line, values in kept.pop("lines").items()}
    return Curve(**kept, lines=lines)


def draw(curve: Curve, path: Path) -> None:
    """Draw a curve into a file."""
    picture = Picture(figsize=(6, 3.2), layout="constrained", dpi=100)
    axes = picture.subplots()
    for line, values in curve.lines.items():
        sizes = sorted(values)
        axes.plot(sizes, [values[size] for size in sizes], marker="o", label=line)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_title(curve.title, fontsize=10)
    axes.set_xlabel(curve.size_title)
    axes.set_ylabel(curve.unit)
    axes.legend(frameon=False, fontsize=8)
    save(picture, path)


def _section(title: str, curves: Sequence[Curve], images: Path, page: Path) -> str:
    parts = [f"### {title}\n"]
    for curve in curves:
        picture = images / f"performance-{curve.name}.png"
        draw(curve, picture)
        parts += [f"{curve.title}:\n", tabulate(curve), f"![{curve.title}]({picture.relative_to(page.parent)})\n"]
    return "\n".join(parts)
