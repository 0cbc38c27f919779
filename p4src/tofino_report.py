# SPDX-License-Identifier: Apache-2.0
"""What the compiled TNA program takes of a Tofino: read from the assembly that the compiler writes.

The compiler reports success for programs that need more stages than the chip has; only the stage numbers in its output,
and the assembler, tell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TOFINO_1_STAGES = 12
TOFINO_1_SRAM = 960
"""Blocks of 128 kbit, 80 in a stage."""
TOFINO_1_TCAM = 288
"""Blocks of 512 words of 44 bits, 24 in a stage."""
TOFINO_1_PARSER_ROWS = 256
"""Rows of a parser's TCAM, one for each transition that compares."""
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


def parser_rows(assembly: str) -> dict[str, int]:
    """Rows of the parser that each direction needs, by `ingress` and `egress`; ValueError if a parser compares nothing.

    A frame takes one way only through a parser that compares nothing, so the compiler has lost what it should compare.
    """
    found = {}
    for direction, body in re.findall(r"^parser (ingress|egress):\n((?: .*\n|\n)*)", assembly, re.MULTILINE):
        if not re.search(r"^ +match: \[.*\b(half|byte\d)\b", body, re.MULTILINE):
            message = f"no state of the parser of {direction} compares anything of the frame: this compiler loses it"
            raise ValueError(message)
        found[direction] = len(re.findall(r"^      (?:\*|0[xob][0-9a-f*]+)(?: .*)?:$", body, re.MULTILINE))
    return found


@dataclass(frozen=True, slots=True)
class Usage:
    """What a table takes: blocks of memory, hash bits, meter and stateful units, statistics units, actions."""

    sram: int = 0
    tcam: int = 0
    hash_bits: int = 0
    meters: int = 0
    counters: int = 0
    actions: int = 0


_KINDS = {
    "sram": ("rams", "srams"),
    "tcam": ("tcams", "tcams"),
    "hash_bits": ("hash_bits", "bits"),
    "meters": ("meter_alus", "meters"),
    "counters": ("statistic_alus", "stats"),
}


def usage(resources: Mapping[str, Any]) -> tuple[dict[str, Usage], Usage]:
    """What each table takes, by the compiler's name of it, and what all take together.

    `resources` is the compiler's `resources.json`. Blocks that tables share count for each of them, once in the sum.
    """
    by_kind: dict[str, Counter[str]] = {kind: Counter() for kind in (*_KINDS, "actions")}
    totals: Counter[str] = Counter()
    for stage in resources["resources"]["mau"]["mau_stages"]:
        for kind, (part, items) in _KINDS.items():
            for item in stage[part][items]:
                users = {_base(name) for name in _users(item)}
                totals[kind] += bool(users)
                by_kind[kind].update(users)
        for instruction in stage["vliw"]["instructions"]:
            users = {_base(name) for color in instruction["color_usages"] for name in _users(color)}
            totals["actions"] += bool(users)
            by_kind["actions"].update(users)
    names = {name for counts in by_kind.values() for name in counts}
    return {name: Usage(**{kind: by_kind[kind][name] for kind in by_kind}) for name in names}, Usage(**totals)


def power(said: str, traffic_limit: int) -> str:
    """What the compiler says of the power that the program may take at worst, at `traffic_limit` percent of packets."""
    found = re.search(r"Power worst case estimated (.*W)\.", said)
    at = f"power at worst, with {traffic_limit} % of the packets that the chip can take"
    return f"{at}: {found[1] if found else 'within its budget'}"


def render(assembly: str, tables: Mapping[str, int], verdict: str, resources: Mapping[str, Any], power: str) -> str:
    """The report as text: stages and memory against the chip's, what the assembler says, what each table takes.

    `tables` has the size of each, by name; `power` is what the function of that name has found.
    """
    needed = stages(assembly)
    used, total = usage(resources)
    fits = verdict == "fits" and all(count <= TOFINO_1_STAGES for count in needed.values())
    lines = [
        f"Tofino 1: {'fits' if fits else 'does not fit'}. All headers and metadata have containers; tables are placed.",
        "Stages in use / of the chip:",
        *(f"  {direction:<8} {count:>3} / {TOFINO_1_STAGES}" for direction, count in needed.items()),
        f"assembler: {verdict}",
        f"SRAM blocks: {total.sram} / {TOFINO_1_SRAM}, TCAM blocks: {total.tcam} / {TOFINO_1_TCAM}",
        *(
            f"parser rows, {direction}: {rows} / {TOFINO_1_PARSER_ROWS}"
            for direction, rows in parser_rows(assembly).items()
        ),
        power,
        "",
        f"{'table':<22} {'size':>6}  {'sram':>4} {'tcam':>4} {'hash':>4} {'act':>3}  {'direction':<10} stages",
    ]
    places = placement(assembly, list(tables))
    for table, size in tables.items():
        direction, numbers = places.get(table, ("-", []))
        takes = used.get(table, Usage())
        lines.append(
            f"{table:<22} {size:>6}  {takes.sram:>4} {takes.tcam:>4} {takes.hash_bits:>4} {takes.actions:>3}  "
            f"{direction:<10} {', '.join(map(str, numbers))}".rstrip()
        )
    return "\n".join(lines) + "\n"


def _users(item: Mapping[str, Any]) -> list[str]:
    if "used_by_table" in item:
        return [item["used_by_table"]]
    if "used_by" in item:
        return [item["used_by"]]
    return [user["used_by"] for user in item.get("usages", ())]


def _base(name: str) -> str:
    """The table's name, without what the compiler adds for its parts."""
    return name.partition("$")[0]


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
