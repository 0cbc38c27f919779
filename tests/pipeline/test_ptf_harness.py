# SPDX-License-Identifier: Apache-2.0
"""The packet test command itself: it fails when the switch is wrong, and says so when nothing could run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from p4vpc.southbound.pipeline import DEVICE_CONFIG_FILE, P4INFO_FILE
from ptf_tests import targets

ROOT = Path(__file__).parents[2]
PIPELINE = ROOT / "p4src" / "build" / "v1model"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ptf_tests", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)


def test_an_unknown_test_name_is_refused() -> None:
    done = run("--test", "encapsulation.OuterHeadersAreExcat")
    assert done.returncode == 2
    assert "OuterHeadersAreExcat" in done.stderr


@pytest.mark.skipif(targets.missing("tofino-model") is None, reason="this machine has what the test wants missing")
def test_a_target_that_is_not_here_runs_nothing_and_says_why() -> None:
    done = run("--target", "tofino-model", "--test", "bridging")
    assert done.returncode == 2
    assert "tofino-model" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("0 passed, 0 failed, ")


def test_what_no_test_reaches_is_named_and_fails_the_run() -> None:
    done = run("--coverage", "--test", "bridging.BridgesOnOneLeaf")
    assert done.returncode == 1, done.stdout + done.stderr
    assert " 0 failed, 0 skipped" in done.stdout.splitlines()[-1]
    missed = done.stdout.partition("not reached by any test:")[2].splitlines()
    for item in (
        "table vni_map hit",
        "action policy deny",
        "parser state TunnelParser_parse_vxlan",
        "drop reason spoof",
    ):
        assert f"  {item}" in missed, item
    assert "  table bridge hit" not in missed


def test_a_pipeline_that_is_refused_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / P4INFO_FILE).write_text((PIPELINE / P4INFO_FILE).read_text())
    (tmp_path / DEVICE_CONFIG_FILE).write_text("{}")
    done = run("--test", "encapsulation.OuterHeadersAreExact", "--pipeline", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


def test_a_wrong_byte_on_the_wire_fails_the_test(tmp_path: Path) -> None:
    (tmp_path / P4INFO_FILE).write_text((PIPELINE / P4INFO_FILE).read_text())
    program = json.loads((PIPELINE / DEVICE_CONFIG_FILE).read_text())
    outer = next(header["name"] for header in program["headers"] if "encap_ipv4" in header["name"])
    changed = [
        primitive
        for action in program["actions"]
        for primitive in action["primitives"]
        if primitive["op"] == "assign" and primitive["parameters"][0]["value"] == [outer, "ttl"]
    ]
    for primitive in changed:
        primitive["parameters"][1]["value"] = "0x3f"
    assert changed
    (tmp_path / DEVICE_CONFIG_FILE).write_text(json.dumps(program))
    done = run("--test", "encapsulation.OuterHeadersAreExact", "--pipeline", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"
    assert "expected on port 5" in done.stderr
