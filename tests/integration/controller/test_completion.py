# SPDX-License-Identifier: Apache-2.0
"""Completion scripts in the shells themselves, with names that a controller has."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p4vpc.client import Client
from p4vpc.intent import load_yaml
from tests.integration.controller.conftest import ServeProcess

OBJECTS = """
{kind: tenant, name: shell-a}
---
{kind: tenant, name: shell-b}
---
{kind: vpc, tenant: shell-a, name: prod}
---
{kind: vpc, tenant: shell-a, name: test}
"""
ROOT = Path(__file__).parents[3]
SCRIPTS = {
    "bash": """
source <(p4vpc completion bash)
complete -p p4vpc >/dev/null || exit 9
COMP_WORDS=(@WORDS@); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_p4vpc_completion p4vpc; printf '%s\\n' "${COMPREPLY[@]}"
""",
    "zsh": """
compdef() { [ "$2" = p4vpc ] || exit 9 }
_arguments() { print -l -- ${(Q)${(z)${${1#*\\(\\(}%%\\)\\)*}}} }
_files() { : }
source <(p4vpc completion zsh)
words=(@WORDS@); CURRENT=${#words}
_p4vpc
""",
    "fish": """
p4vpc completion fish | source
complete --do-complete "@LINE@" | string replace --regex '\\t.*' '' || true
""",
}

Complete = Callable[..., list[str]]


@pytest.fixture(scope="module", params=SCRIPTS)
def shell(request: pytest.FixtureRequest) -> str:
    if shutil.which(request.param) is None:
        pytest.skip(f"there is no {request.param} on this machine")
    return str(request.param)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `p4vpc` of this checkout."""
    path = tmp_path_factory.mktemp("bin") / "p4vpc"
    path.write_text(f"#!{sys.executable}\nfrom p4vpc.cli.main import main\nmain()\n")
    path.chmod(0o755)
    return path.parent


@pytest.fixture
def complete(serve_process: ServeProcess, shell: str, program: Path, tmp_path: Path) -> Iterator[Complete]:
    environment = {
        "PATH": f"{program}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT / 'controlplane'}:{os.environ.get('PYTHONPATH', '')}",
        "HOME": str(tmp_path),
        "P4VPC_SERVER": serve_process.url,
        "P4VPC_TOKEN_FILE": str(serve_process.token_file),
        "P4VPC_COMPLETION_SECONDS": "60",
    }

    def run(*words: str, **more: str) -> list[str]:
        quoted = " ".join(f"'{word}'" for word in ("p4vpc", *words))
        script = SCRIPTS[shell].replace("@WORDS@", quoted).replace("@LINE@", " ".join(("p4vpc", *words)))
        option = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
        ended = subprocess.run(
            [shell, *option, "-c", script], env={**environment, **more}, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stderr == ""
        # zsh shows what a word means behind a colon, and splits lines at semicolons.
        return sorted(line.partition(":")[0] for line in ended.stdout.splitlines() if line not in ("", ";"))

    with Client(serve_process.url, token=serve_process.token_file.read_text().strip()) as api:
        objects = load_yaml(OBJECTS, "test")
        api.apply(objects)
        yield run
        api.delete([intent.id for intent in objects])


def test_commands_kinds_and_names_are_completed(complete: Complete) -> None:
    assert complete("de") == ["delete", "describe"]
    assert complete("get", "se") == ["security_group"]
    assert complete("get", "tenant", "shell-") == ["shell-a", "shell-b"]
    assert complete("describe", "vpcs", "shell-a/") == ["shell-a/prod", "shell-a/test"]
    assert complete("get", "vpc", "shell-a/t") == ["shell-a/test"]
    assert complete("get", "ports", "--tenant", "shell-b") == ["shell-b"]
    assert complete("token", "revoke", "op") == ["operator"]
    assert complete("completion", "z") == ["zsh"]


def test_without_a_controller_there_is_nothing_to_complete_and_nothing_said(complete: Complete) -> None:
    assert complete("get", "tenant", "shell-", P4VPC_SERVER="http://127.0.0.1:1") == []
    assert complete("get", "se", P4VPC_SERVER="http://127.0.0.1:1") == ["security_group"]
