# SPDX-License-Identifier: Apache-2.0
"""What the compiled TNA program takes of a Tofino: read from the assembly that the compiler writes.

The compiler reports success for programs that need more stages than the chip has; only the stage numbers in its output,
and the assembler, tell.
"""

from __future__ import annotations

import re

TOFINO_1_STAGES = 12
NO_ALLOCATION = "PHV allocation was not successful"
"""What the compiler says when it finds no containers for all headers and metadata; it places no table then."""


def stages(assembly: str) -> dict[str, int]:
    """Stages that each direction needs, by `ingress` and `egress`."""
    found = {"ingress": 0, "egress": 0}
    for number, direction in re.findall(r"^stage (\d+) (ingress|egress):", assembly, re.MULTILINE):
        found[direction] = max(found[direction], int(number) + 1)
    return found


def placement(assembly: str, tables: list[str]) -> dict[str, tuple[str, list[int]]]:
    """Direction and stages of each of `tables`; one that is too big for a stage is in several."""
    found: dict[str, tuple[str, list[int]]] = {}
    for number, direction, body in re.findall(
        r"^stage (\d+) (ingress|egress):\n((?: .*\n|\n)*)", assembly, re.MULTILINE
    ):
        names = re.findall(r"^    p4: \{ name: \.?([\w.]+)", body, re.MULTILINE)
        for table in tables:
            if table in names:
                found.setdefault(table, (direction, []))[1].append(int(number))
    return found


def render(assembly: str, tables: list[str], verdict: str) -> str:
    """The report as text: stages against the chip's, the assembler's verdict, the stages of each table."""
    needed = stages(assembly)
    lines = [
        "Tofino 1, as placed by the compiler. Stages in use / of the chip:",
        *(f"  {direction:<8} {count:>3} / {TOFINO_1_STAGES}" for direction, count in needed.items()),
        f"assembler: {verdict}",
        "",
        f"{'table':<22} {'direction':<10} stages",
    ]
    places = placement(assembly, tables)
    for table in tables:
        direction, numbers = places.get(table, ("-", []))
        lines.append(f"{table:<22} {direction:<10} {', '.join(map(str, numbers))}".rstrip())
    return "\n".join(lines) + "\n"


def render_failure(said: str) -> str:
    """The report of a program that got no containers: what the compiler left out, which shows how much is missing."""
    fields = re.findall(r"^\s+((?:in|e)gress::\S+<\d+b>(?:\[\d+:\d+\])?)$", said, re.MULTILINE)
    lines = [
        "Tofino 1: does not fit. The compiler finds no containers (PHV) for all headers and metadata,",
        "and places no table.",
        f"compiler: {NO_ALLOCATION}",
        f"left out: {len(fields)} slices of fields",
        "",
        *(f"  {field}" for field in fields),
    ]
    return "\n".join(lines) + "\n"
