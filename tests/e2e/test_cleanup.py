# SPDX-License-Identifier: Apache-2.0
"""However a run ends, nothing of it is left."""

import os
import selectors
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.e2e.staying import ROOT, TIMEOUT_S, credentials, staying
from topo.processes import RUN_VARIABLE
from topo.rundir import RunDirectory

pytestmark = pytest.mark.namespaces


def processes_of(run_name: str) -> list[int]:
    """Every process that carries the run's mark in its environment."""
    mark = f"{RUN_VARIABLE}={run_name}".encode()
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                environment = (path / "environ").read_bytes()
            except OSError:  # gone, or somebody else's
                continue
            if mark in environment.split(b"\0"):
                found.append(int(path.name))
    return found


def network_namespace(pid: int) -> str | None:
    """The network namespace that a process is in; None if it is gone, or somebody else's."""
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return None


def wait_for_none(run_name: str) -> None:
    """Wait until no process of the run is there: the kernel ends orphans soon, but not within any call of ours."""
    for pid in processes_of(run_name):
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with selectors.DefaultSelector() as selector:
            selector.register(pidfd, selectors.EVENT_READ)
            assert selector.select(TIMEOUT_S), f"process {pid} stays"
        os.close(pidfd)
    assert processes_of(run_name) == []


def only_entry(folder: Path) -> Path:
    [entry] = folder.iterdir()
    return entry


def topo(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m topo` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "topo", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def assert_ended_by(process: subprocess.Popen[str], number: signal.Signals, temporary: Path) -> None:
    """A signal ends the run, with its processes, its namespaces and its files."""
    run_name = only_entry(temporary).name
    assert len(processes_of(run_name)) == 6  # five switches and the controller
    [namespace] = {network_namespace(pid) for pid in processes_of(run_name)}
    process.send_signal(number)
    assert process.wait(TIMEOUT_S) == 0
    assert processes_of(run_name) == []
    assert namespace not in {network_namespace(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    assert list(temporary.iterdir()) == []


def test_the_api_and_the_hosts_are_reached_from_the_users_shell_until_ctrl_c_and_nothing_is_left(
    environment: dict[str, str],
) -> None:
    with staying(environment) as (process, output):
        url = next(word for word in output.split() if word.startswith("http://"))
        assert httpx.get(f"{url}/v1/status", timeout=TIMEOUT_S).status_code == 401
        response = httpx.get(f"{url}/v1/status", headers=credentials(output), timeout=TIMEOUT_S)
        assert response.status_code == 200
        inside = topo(environment, "exec", "blue/prod/db-1", "ip", "-4", "address", "show", "eth0")
        assert "10.0.2.21/24" in inside.stdout, inside.stderr
        assert_ended_by(process, signal.SIGINT, Path(environment["TMPDIR"]))
    outside = topo(environment, "exec", "blue/prod/db-1", "ip", "address")
    assert (outside.returncode, outside.stdout) == (2, "")


def test_a_terminated_run_leaves_nothing(environment: dict[str, str]) -> None:
    with staying(environment) as (process, _):
        assert_ended_by(process, signal.SIGTERM, Path(environment["TMPDIR"]))


def test_a_killed_run_leaves_no_process_and_the_next_one_removes_its_files(environment: dict[str, str]) -> None:
    temporary = Path(environment["TMPDIR"])
    with staying(environment) as (process, _):
        run_name = only_entry(temporary).name
        process.kill()
        process.wait(TIMEOUT_S)
    wait_for_none(run_name)
    RunDirectory(temporary).close()
    assert list(temporary.iterdir()) == []


def test_a_file_with_a_mistake_is_refused_by_name_and_nothing_is_started(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("kind: switch\nname: leaf1\nrole: leaf\nvtep: 10.255.0.1\np4runtime: 192.0.2.1:9559\n", "utf-8")
    refused = topo(environment, "run", "--once", str(path))
    assert refused.returncode == 2
    assert "switch leaf1: p4runtime" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert list(Path(environment["TMPDIR"]).iterdir()) == []
