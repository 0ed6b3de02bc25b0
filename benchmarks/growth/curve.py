"""Result of a study: lines over a size."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Curve:
    """Values over a size, one line each."""

    name: str
    """Name of its picture."""
    title: str
    size_title: str
    unit: str
    digits: int = 0
    """Decimal places in the table."""
    lines: dict[str, dict[int, float]] = field(default_factory=dict)
    """Line -> size -> value."""

    def add(self, size: int, values: dict[str, float]) -> None:
        """Add the values of one size."""
        for line, value in values.items():
            self.lines.setdefault(line, {})[size] = value

    def sizes(self) -> list[int]:
        """All sizes, ascending."""
        return sorted({size for line in self.lines.values() for size in line})


def tabulate(curve: Curve) -> str:
    """The curve as a Markdown table: a row per size, and the ratio of the largest to the smallest."""
    sizes = curve.sizes()
    rows = [[curve.size_title, *(f"{line}, {curve.unit}" for line in curve.lines)], ["---:"] * (len(curve.lines) + 1)]
    for size in sizes:
        cells = [line.get(size) for line in curve.lines.values()]
        rows.append([f"{size:,}", *("-" if each is None else f"{each:,.{curve.digits}f}" for each in cells)])
    rows.append(["largest to smallest", *(_growth(line) for line in curve.lines.values())])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _growth(line: dict[int, float]) -> str:
    first, last = line[min(line)], line[max(line)]
    return f"{last / first:.2f}" if first else "-"
