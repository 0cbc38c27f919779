# SPDX-License-Identifier: Apache-2.0
"""What of the pipeline packet tests have reached: softswitch's counts, read with P4Info and drop reasons."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finsy.proto import p4i

from ptf_tests.base import DROP_REASONS, DROP_TABLES
from ptf_tests.p4info import Schema

UNREACHABLE: dict[tuple[str, str], str] = {
    ("statement", "main84"): "a packet of the controller without its header; a P4Runtime server always puts it on"
}
"""Items that no packet can reach, with the reason, where neither program nor P4Info tells: (kind, name).

The compiler names a statement outside of tables after its file and line. A line that has moved is reported as unknown.
"""


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
    known = {(item.kind, item.name) for item in items}
    items += [Item(*key, count=1, reason="not in the program") for key in UNREACHABLE if key not in known]
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
    names = {action.preamble.id: action.preamble.name for action in schema.actions.values()}
    for reference in info.action_refs:
        action = names[reference.id]
        reason = ""
        if reference.scope == p4i.ActionRef.DEFAULT_ONLY:
            if info.implementation_id:
                reason = "only as default action, and a table with a selector runs none"
            elif info.const_default_action_id not in (0, reference.id):
                reason = "only as default action, and the default is another for good"
        yield Item("action", f"{name} {action}", counts["actions"].get(action, 0), reason)


def report(items: list[Item]) -> tuple[str, bool]:
    """A text that names what was not reached, and whether all was that can be.

    What is said to be out of reach and was reached, or is not there, is a mistake too.
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
        ("wrongly said to be out of reach", wrong),
    ):
        if group:
            lines.append(f"{title}:")
            lines += [f"  {item.kind} {item.name}{f': {item.reason}' if item.reason else ''}" for item in group]
    if not missed:
        lines.append("no test is missing")
    return "\n".join(lines), not missed and not wrong
