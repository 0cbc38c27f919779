# SPDX-License-Identifier: Apache-2.0
"""Long-running processes of a run: in a namespace, with a log, ended by process id, never outliving the runner."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from topo.errors import StartError
from topo.namespaces import Namespace

RUN_VARIABLE = "P4VPC_TOPO_RUN"
"""Environment variable that every process of a run carries; its value is the run's name."""

STOP_TIMEOUT_S = 5.0
"""How long a process may take to end after SIGTERM before it is killed."""

_LOG_TAIL_LINES = 15
_LAUNCHER = str(Path(__file__).with_name("launch.py"))


class ManagedProcess:
    """A child process with its log. The kernel kills it if the runner dies without stopping it."""

    def __init__(
        self, name: str, argv: Sequence[str], namespace: Namespace, log: Path, environment: Mapping[str, str]
    ) -> None:
        """Start it. Must be called in the main thread: the kernel watches the thread that forks, not the process.

        A program that does not exist shows as a process that ended, with the reason in its log (`check_running`).
        """
        self.name = name
        self.argv = tuple(argv)
        self.log = log
        with log.open("ab") as output, namespace.entered():
            self._process = subprocess.Popen(
                [sys.executable, "-I", _LAUNCHER, str(os.getpid()), *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,  # Ctrl-C goes to the runner alone, which stops the others in order
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def check_running(self) -> None:
        """Raise StartError with the end of the log if the process has ended."""
        if not self.is_running():
            raise StartError(f"{self.name} ended with status {self._process.returncode}; {self.log_tail()}")

    def log_tail(self) -> str:
        """The last lines of the log, for an error message."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "its log ends with:\n" + "\n".join(f"    {line}" for line in lines) if lines else "its log is empty"

    async def ended(self, timeout_s: float) -> int | None:
        """Wait for the end of a process that has one; its exit status, None if it takes longer."""
        return self._process.returncode if await wait_ended(self._process, timeout_s) else None

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """Ask it to end (SIGTERM); `wait_stopped` collects it."""
        if self.is_running():
            self._process.terminate()

    def wait_stopped(self, deadline: float) -> None:
        """Wait for the end until `deadline` (time.monotonic), then kill. Returns with the process gone."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.kill()


def stop_all(processes: Sequence[ManagedProcess]) -> None:
    """Stop processes together, within STOP_TIMEOUT_S."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    for process in processes:
        process.wait_stopped(deadline)


async def wait_ended(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Wait for a child without blocking the loop; whether it has ended (and is collected)."""
    if process.poll() is not None:
        return True
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    pidfd = os.pidfd_open(process.pid)
    loop.add_reader(pidfd, ended.set)
    try:
        async with asyncio.timeout(timeout_s):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
    process.wait()
    return True
