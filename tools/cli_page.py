# SPDX-License-Identifier: Apache-2.0
"""Writes the reference of docs/cli.md from the commands themselves.

python tools/cli_page.py           # writes what stands behind the mark
python tools/cli_page.py --check   # fails if that is not what would be written
"""

import argparse
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from p4vpc.cli.main import app

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
MARK = "<!-- written by tools/cli_page.py from here on -->\n"
COMMON = {"--server", "--token", "--help"}
"""Told once, at the head of the page."""


def reference() -> str:
    """Return the sections of all commands."""
    group: Any = typer.main.get_command(app)
    return "\n".join(line for name, command in group.commands.items() for line in _lines([name], command)) + "\n"


def _lines(words: list[str], command: Any) -> Iterator[str]:
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from _lines([*words, name], inner)
        return
    context = command.context_class(command, info_name=" ".join(words))
    records = [(it, it.get_help_record(context)) for it in command.params]
    names = [it.metavar or it.name.upper() for it in command.params if it.param_type_name == "argument"]
    yield f"\n### {' '.join(('p4vpc', *words, *names))}\n"
    yield inspect.cleandoc(command.help or "")
    rows = [_row(*record) for it, record in records if record and not COMMON.intersection(getattr(it, "opts", ()))]
    if rows:
        yield "\n| | |\n|---|---|"
        yield from rows


def _row(spelled: str, text: str) -> str:
    cells = (f"`{spelled.strip()}`", " ".join(text.split()))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main() -> None:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    text = page.partition(MARK)[0] + MARK + reference()
    if not arguments.check:
        PAGE.write_text(text, encoding="utf-8")
    elif page != text:
        sys.exit(f"{PAGE} is not up to date: run tools/cli_page.py")


if __name__ == "__main__":
    main()
