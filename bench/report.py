# SPDX-License-Identifier: Apache-2.0
"""What every benchmark shares: its options, repeated measurement, one table, JSON."""

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "build-tmp" / "bench"
PIPELINE = Path(__file__).parents[1] / "p4src" / "build" / "v1model"


def parser(description: str | None) -> argparse.ArgumentParser:
    """A command line with the options that each benchmark has."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--quick", action="store_true", help="few and short runs: shows that it works, no more")
    result.add_argument("--json", type=Path, metavar="FILE", help="where the result goes (default: build-tmp/bench)")
    result.add_argument(
        "--pipeline", type=Path, default=PIPELINE, metavar="DIR", help="folder with P4Info and device config"
    )
    return result


@dataclass(frozen=True)
class Sample:
    """Values of one quantity over several runs."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    def text(self) -> str:
        """Median and extremes, with thousands separated."""
        return f"{self.median:,.0f} ({min(self.values):,.0f} to {max(self.values):,.0f})"


def repeat(runs: int, measure: Callable[[], float]) -> Sample:
    """One sample of `runs` measurements, after one that is thrown away."""
    measure()
    return Sample(tuple(measure() for _ in range(runs)))


@dataclass
class Report:
    """One table and what it was measured on."""

    name: str
    columns: Sequence[str]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """One more line of the table."""
        self.rows.append(cells)

    def finish(self, target: Path | None) -> None:
        """Prints the table and writes the JSON."""
        print("\n".join(_table(self.columns, self.rows)))
        for note in self.notes:
            print(note)
        path = target or RESULTS / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {"benchmark": self.name, **machine(), "notes": self.notes, "results": self.data}
        path.write_text(json.dumps(document, indent=2) + "\n")
        print(f"written: {os.path.relpath(path)}")


def machine() -> dict[str, Any]:
    """What a reader must know to compare: cores, Python, how busy the machine was."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average_1_min": round(os.getloadavg()[0], 2),
    }


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [tuple(columns), *(tuple(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return [text[0], "  ".join("-" * width for width in widths), *text[1:]]
