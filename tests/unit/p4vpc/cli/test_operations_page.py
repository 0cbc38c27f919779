# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md against the code: keys, variables, commands, lines of the log, and files that are deployed."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from p4vpc.cli.connection import _FIELDS
from p4vpc.cli.main import app

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
DEPLOY = sorted((ROOT / "docs" / "deploy").iterdir())
ROWS = {row[0]: row[1:] for row in re.findall(r"^\| `(--[a-z-]+)` \| `(\w+)` \| (?:`(.*?)`)? ?\|", PAGE, re.MULTILINE)}
COMMANDS: Any = typer.main.get_command(app)
OPTIONS = {it.opts[0]: it for it in COMMANDS.commands["serve"].params if "--help" not in it.opts}
OF_THE_SHELL = {"P4VPC_COMPLETE"}


def variable_of(option: str) -> str:
    named = OPTIONS[option].envvar
    return str(named) if named else "P4VPC_SERVE_" + option.removeprefix("--").replace("-", "_").upper()


def test_the_table_has_every_option_of_serve() -> None:
    assert ROWS.keys() == OPTIONS.keys()


@pytest.mark.parametrize("option", OPTIONS)
def test_variables_and_defaults_are_right(option: str) -> None:
    default = OPTIONS[option].default
    told = "" if default is None else str(getattr(default, "value", default))
    assert ROWS[option] == (variable_of(option), told)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_variable_is_heeded(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by a value that the option does not have otherwise, so that it is seen to arrive."""
    serve = COMMANDS.commands["serve"]
    parameter = OPTIONS[option]
    value = {"--log-format": "json", "--log-level": "error", "--allow-plain-http": "1"}.get(option, "7")
    monkeypatch.setenv(variable_of(option), value)
    context = serve.make_context("serve", [], **serve.context_settings, resilient_parsing=False)
    found = context.params[parameter.name]
    assert str(getattr(found, "value", found)) in (value, f"{value}.0", "True")


def test_every_variable_of_the_code_is_told() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "controlplane").rglob("*.py"))
    used = {name for text in sources for name in re.findall(r"\bP4VPC_[A-Z]+(?:_[A-Z]+)*\b", text)}
    assert used - OF_THE_SHELL - {"P4VPC_SERVE"} <= set(re.findall(r"\bP4VPC_[A-Z_]+\b", PAGE))


def test_every_key_of_the_clients_file_is_told() -> None:
    table = PAGE.partition("### Clients")[2]
    assert set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| .*? \|", table, re.MULTILINE)))) == _FIELDS


@pytest.mark.parametrize("path", DEPLOY, ids=lambda path: path.name)
def test_what_is_deployed_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert path.name in PAGE or path.suffix in (".service", ".timer")
    known = {variable_of(option) for option in OPTIONS} | {"P4VPC_HEALTH"}
    assert set(re.findall(r"\bP4VPC_[A-Z_]+\b", text)) <= known
    for command in re.findall(r"/opt/p4vpc/bin/p4vpc (\w+)", text):
        assert command in COMMANDS.commands


def test_the_commands_of_the_page_exist() -> None:
    named = set(re.findall(r"`p4vpc ([a-z]+)", PAGE)) | set(re.findall(r"^p4vpc ([a-z]+)", PAGE, re.MULTILINE))
    assert named <= COMMANDS.commands.keys()


def test_the_lines_of_the_log_are_those_of_the_code() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "controlplane").rglob("*.py"))
    table = PAGE.partition("## Reading the logs")[2].partition("## Configuration")[0]
    for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        for event in re.findall(r"`([^`]+)`", re.sub(r"\(.*?\)", "", cell)):
            assert f'"{event.removesuffix(" ...")}' in sources, event
