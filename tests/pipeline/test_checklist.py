# SPDX-License-Identifier: Apache-2.0
"""docs/checklist.md names tests that exist, and leaves no packet test out."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"`([a-z0-9_]+\.[A-Z]\w+|test_\w+)`")


def test_checklist_and_tests_name_each_other() -> None:
    named = set(NAME.findall((ROOT / "docs" / "checklist.md").read_text()))
    listed = subprocess.run(
        [sys.executable, "-m", "ptf_tests", "--list"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    packet_tests = set(re.findall(r"^(\w+\.[A-Z]\w+)$", listed, re.MULTILINE))
    functions = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(packet_tests) > 100
    assert packet_tests - named == set()
    assert named - packet_tests - functions == set()
