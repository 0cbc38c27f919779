# SPDX-License-Identifier: Apache-2.0
"""What end-to-end tests need of the machine, and runs of `python -m topo` as a user starts them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from topo import namespaces

ROOT = Path(__file__).parents[2]
RUN_TIMEOUT_S = 110
NAMESPACES_PROBLEM = namespaces.probe()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, by name and with the reason, what this machine cannot run."""
    for item in items:
        if item.get_closest_marker("namespaces") is not None:
            if NAMESPACES_PROBLEM is not None:
                item.add_marker(pytest.mark.skip(reason=str(NAMESPACES_PROBLEM).splitlines()[0]))
            elif shutil.which("ip") is None:
                item.add_marker(pytest.mark.skip(reason="`ip` is not installed (iproute2)"))
        if item.get_closest_marker("bmv2") is not None and shutil.which("simple_switch_grpc") is None:
            item.add_marker(pytest.mark.skip(reason="simple_switch_grpc is not on the PATH"))


@dataclass(frozen=True)
class Finished:
    """A run that has ended: its exit status, what it printed, and its report."""

    status: int
    output: str
    report: dict[str, Any]


@pytest.fixture(params=["softswitch", pytest.param("bmv2", marks=pytest.mark.bmv2)])
def target(request: pytest.FixtureRequest) -> str:
    """Every kind of switch that topo can start."""
    kind: str = request.param
    return kind


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which everything temporary lands below the test's own directory."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    return {**os.environ, "TMPDIR": str(temporary), "COLUMNS": "120", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def run_topo(tmp_path: Path, environment: dict[str, str]) -> Callable[..., Finished]:
    """Run `python -m topo run --once` with more arguments, and wait for its end."""

    def run(*arguments: str) -> Finished:
        report = tmp_path / "report.json"
        process = subprocess.run(
            [sys.executable, "-m", "topo", "run", "--once", "--report", str(report), *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=RUN_TIMEOUT_S,
        )
        content = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
        return Finished(process.returncode, process.stdout, content)

    return run
