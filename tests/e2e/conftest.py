# SPDX-License-Identifier: Apache-2.0
"""What end-to-end tests need of the machine, and runs of `python -m topo` as a user starts them."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from topo import namespaces
from topo.demos import DEMOS

ROOT = Path(__file__).parents[2]
RUN_TIMEOUT_S = 280
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


def environment_below(folder: Path) -> dict[str, str]:
    """An environment in which everything temporary lands in a new directory below `folder`."""
    temporary = folder / "tmp"
    temporary.mkdir()
    # This checkout, wherever the commands of the environment come from.
    path = os.pathsep.join(map(str, (ROOT / "controlplane", ROOT)))
    return {**os.environ, "TMPDIR": str(temporary), "COLUMNS": "120", "PYTHONPATH": path}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """For one test."""
    return environment_below(tmp_path)


def run_topo(folder: Path, *arguments: str) -> Finished:
    """Run `python -m topo run --once` with more arguments, and wait for its end."""
    report = folder / "report.json"
    process = subprocess.run(
        [sys.executable, "-m", "topo", "run", "--once", "--report", str(report), *arguments],
        cwd=ROOT,
        env=environment_below(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=RUN_TIMEOUT_S,
    )
    content = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    return Finished(process.returncode, process.stdout, content)


@pytest.fixture(scope="session", params=["softswitch", pytest.param("bmv2", marks=pytest.mark.bmv2)])
def example_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The example with every demonstration, on each kind of switch: one run that several tests look at."""
    demos = [word for name in sorted(DEMOS) for word in ("--demo", name)]
    return run_topo(tmp_path_factory.mktemp(request.param), "--target", request.param, *demos)
