# SPDX-License-Identifier: Apache-2.0
"""What of the pipeline the packet tests have reached: softswitch's counts, read with the P4Info and the drop reasons."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finsy.proto import p4i

from ptf_tests.base import DROP_REASONS, DROP_TABLES
from ptf_tests.p4info import Schema

UNREACHABLE: dict[tuple[str, str], str] = {}
"""Items that no packet can reach, with the reason, where neither program nor P4Info tells: (kind, name)."""


@dataclass(frozen=True)
class Item:
    """Something of the program that a packet can reach.

    Attributes:
        kind: `parser state`, `table`, `action`, `statement` (code outside of tables) or `drop reason`.
        name: as in P4Info or BMv2 JSON; `policy hit`, `policy deny`.
        count: how often packets did.
        reason: why none can, or empty.
    """

    kind: str
    name: str
    count: int
    reason: str = ""


def read(file: Path, schema: Schema) -> list[Item]:
    """The items of a file that softswitch wrote."""
    counts = json.loads(file.read_text())
    items = [Item("parser state", name, count) for name, count in counts["parser_states"].items()]
    for name, table in counts["tables"].items():
        items += _table(name, table, schema.tables.get(name), schema)
    for reason, number in DROP_REASONS.items():
        count = sum(counts["tables"][table]["keys"].get(str(number), 0) for table in DROP_TABLES)
        items.append(Item("drop reason", reason, count))
    return [
        Item(item.kind, item.name, item.count, item.reason or UNREACHABLE.get((item.kind, item.name), ""))
        for item in items
    ]


def _table(name: str, counts: dict[str, Any], info: p4i.Table | None, schema: Schema) -> Iterator[Item]:
    """A table with its actions; one that the P4Info does not have is a statement that the compiler made a table of."""
    if info is None:
        for action, count in counts["actions"].items():
            yield Item("statement", action, count)
        return
    for outcome in ("hit", "miss"):
        if outcome in counts:
            yield Item("table", f"{name} {outcome}", counts[outcome])
    default = info.const_default_action_id or info.initial_default_action.action_id
    names = {action.preamble.id: action.preamble.name for action in schema.actions.values()}
    for reference in info.action_refs:
        action = names[reference.id]
        is_default_only = reference.scope == p4i.ActionRef.DEFAULT_ONLY
        is_never_default = bool(info.const_default_action_id) and reference.id != default
        reason = "only as default action, and the default is another for good" if is_default_only else ""
        yield Item("action", f"{name} {action}", counts["actions"].get(action, 0), reason if is_never_default else "")


def report(items: list[Item]) -> tuple[str, bool]:
    """A text that names what was not reached, and whether all was that can be.

    What is declared unreachable and was reached all the same is a mistake of the declaration, and not well.
    """
    missed = [item for item in items if not item.count and not item.reason]
    excused = [item for item in items if not item.count and item.reason]
    wrong = [item for item in items if item.count and item.reason]
    lines = ["coverage of the pipeline by packet tests"]
    for kind in dict.fromkeys(item.kind for item in items):
        of_kind = [item for item in items if item.kind == kind and (item.count or not item.reason)]
        lines.append(f"  {kind + 's':<15} {sum(bool(item.count) for item in of_kind):>4} of {len(of_kind)}")
    for title, group in (
        ("not reached by any test", missed),
        ("cannot be reached", excused),
        ("said to be out of reach, and reached", wrong),
    ):
        if group:
            lines.append(f"{title}:")
            lines += [f"  {item.kind} {item.name}{f': {item.reason}' if item.reason else ''}" for item in group]
    if not missed:
        lines.append("no test is missing")
    return "\n".join(lines), not missed and not wrong
