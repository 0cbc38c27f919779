# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path

from topo import rundir
from topo.rundir import RunDirectory

DIE = """
import os, signal, sys
from pathlib import Path
from topo.rundir import RunDirectory
print(RunDirectory(Path(sys.argv[1])).path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_directory_is_gone_after_close(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    (directory.path / "leaf1.log").write_text("hello", encoding="utf-8")
    assert rundir.live(tmp_path) == [directory.path]
    directory.close()
    directory.close()
    assert list(tmp_path.iterdir()) == []


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    alive = RunDirectory(tmp_path)
    other = tmp_path / "somebody-elses"
    other.mkdir()
    killed = subprocess.run(
        [sys.executable, "-c", DIE, str(tmp_path)], capture_output=True, text=True, check=False, timeout=30
    )
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    assert rundir.live(tmp_path) == [alive.path]
    fresh = RunDirectory(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([alive.path, fresh.path, other])
    fresh.close()
    alive.close()
