# SPDX-License-Identifier: Apache-2.0
"""Tables of docs/pipeline.md that follow from the sources.

Keys, actions, counters and sizes are P4Info's; what a table is for and what its miss means is the comment at its head.
A line `<!-- tables: a, b -->` in the page is followed by what this writes, up to `<!-- end -->`. Without `--check` the
page is rewritten.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from finsy.proto import p4i
from google.protobuf import text_format

P4SRC = Path(__file__).resolve().parent
PAGE = P4SRC.parent / "docs" / "pipeline.md"
_BLOCK = re.compile(r"(<!-- tables: (?P<names>[\w, ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_TABLE = re.compile(r'((?:    //[^\n]*\n)+)    (?:@\w+\(\d+\) )*@name\("\.(\w+)"\) @id\(0x[0-9a-f]+\)\n    table ')


class PageError(Exception):
    """The page names a table that is not there, or leaves one out."""


@dataclass(frozen=True)
class Sources:
    """P4Info and the comments of all tables, by name."""

    info: p4i.P4Info
    comments: dict[str, str]

    @classmethod
    def read(cls, p4src: Path) -> Sources:
        """What is checked in."""
        text = (p4src / "build/v1model/p4info.txtpb").read_text()
        comments = {
            name: " ".join(line.strip().removeprefix("//").strip() for line in comment.splitlines())
            for path in sorted((p4src / "common").glob("*.p4"))
            for comment, name in _TABLE.findall(path.read_text())
        }
        return cls(text_format.Parse(text, p4i.P4Info()), comments)

    def rows(self, names: list[str]) -> Iterator[str]:
        """The lines of one table of the page."""
        tables = {table.preamble.name: table for table in self.info.tables}
        yield "| table | key | actions | size | written for; a miss |"
        yield "|---|---|---|---|---|"
        for name in names:
            if name not in tables:
                raise PageError(f"{PAGE.name} asks for the table {name}, which the P4Info does not have")
            yield self._row(tables[name])

    def _row(self, table: p4i.Table) -> str:
        actions = {action.preamble.id: action for action in self.info.actions}
        counters = {counter.preamble.id for counter in self.info.direct_counters}
        key = ", ".join(
            f"{field.name} {field.bitwidth} {p4i.MatchField.MatchType.Name(field.match_type).lower()}"
            for field in table.match_fields
        )
        calls = ", ".join(
            f"`{actions[ref.id].preamble.name}`" + (" (miss)" if ref.scope == p4i.ActionRef.DEFAULT_ONLY else "")
            for ref in table.action_refs
            if actions[ref.id].preamble.name != "NoAction"
        )
        name = f"`{table.preamble.name}`" + (", counted" if counters & set(table.direct_resource_ids) else "")
        return f"| {name} | {key} | {calls} | {table.size:,} | {self.comments.get(table.preamble.name, '')} |"


def render(page: str, sources: Sources) -> str:
    """The page with its generated tables renewed; raises PageError if a table of the P4Info is in none of them."""
    shown = [name.strip() for block in _BLOCK.finditer(page) for name in block["names"].split(",")]
    missing = {table.preamble.name for table in sources.info.tables} - set(shown)
    if missing:
        raise PageError(f"{PAGE.name} shows no {', '.join(sorted(missing))}")

    def fill(block: re.Match[str]) -> str:
        names = [name.strip() for name in block["names"].split(",")]
        return block[1] + "".join(f"{line}\n" for line in sources.rows(names)) + block[3]

    return _BLOCK.sub(fill, page)


def main(argv: list[str] | None = None) -> int:
    """Rewrite the page, or with `--check` only compare; exit code 1 with a message when it is out of date."""
    parser = argparse.ArgumentParser(prog="tables_page.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args(argv)
    page = PAGE.read_text()
    try:
        wanted = render(page, Sources.read(P4SRC))
    except PageError as error:
        print(f"p4src: {error}", file=sys.stderr)
        return 1
    if options.check and wanted != page:
        print(
            f"p4src: {PAGE.name} is not what the pipeline says: run `make p4`, or p4src/tables_page.py", file=sys.stderr
        )
        return 1
    if not options.check:
        PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
