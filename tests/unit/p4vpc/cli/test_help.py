# SPDX-License-Identifier: Apache-2.0
"""The command line as a whole: how commands exit, docs/cli.md, colours."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from p4vpc.cli import logs
from p4vpc.cli.exits import EXIT_CODES, Exit
from p4vpc.cli.main import app
from p4vpc.cli.tokens import app as token_app

PAGE = Path(__file__).parents[4] / "docs" / "cli.md"
TOOL = Path(__file__).parents[4] / "tools" / "cli_page.py"
OF_THE_DESIGN = {"apply", "get", "describe", "diff", "delete", "status", "migrate", "counters", "drops"} | {
    *("snapshot", "rollback", "clone", "trace")
}


def names() -> list[list[str]]:
    def name(command: object) -> str:
        return str(getattr(command, "name", None) or command.callback.__name__)  # type: ignore[attr-defined]

    return [
        *([name(command)] for command in app.registered_commands),
        *(["token", name(command)] for command in token_app.registered_commands),
    ]


@pytest.mark.parametrize("words", names(), ids=" ".join)
def test_every_command_says_how_it_exits(words: list[str]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert " ".join(EXIT_CODES.split()) in " ".join(result.output.split())


def test_the_commands_of_the_design_are_there() -> None:
    assert {words[0] for words in names()} >= OF_THE_DESIGN


def test_the_exit_codes_are_all_told() -> None:
    told = {int(word) for word in EXIT_CODES.replace("(", " ").split() if word.isdecimal()}
    assert told == {*map(int, Exit), 130}
    for code in told:
        assert f"| {code} |" in PAGE.read_text(encoding="utf-8")


def test_the_page_has_every_command_and_option() -> None:
    subprocess.run([sys.executable, str(TOOL), "--check"], check=True)


def test_log_lines_have_no_colour_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert logs.is_coloured()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not logs.is_coloured()
