# SPDX-License-Identifier: Apache-2.0
"""The one directory that a run writes to, under the system's temporary directory."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "p4vpc-topo-"
_LOCK = "lock"


class RunDirectory:
    """A directory for logs and the controller's database, removed by `close`.

    A lock is held on it while the run lives. The kernel drops the lock of a process that dies, which is how the next
    run knows the directories of dead runs, and removes them.
    """

    def __init__(self, parent: Path | None = None) -> None:
        base = parent if parent is not None else Path(tempfile.gettempdir())
        remove_dead(base)
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
        self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    @property
    def name(self) -> str:
        """The per-run prefix: it names the directory and marks every process of the run."""
        return self.path.name

    def close(self) -> None:
        """Remove the directory. Closing twice is allowed."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def remove_dead(base: Path) -> list[Path]:
    """Remove the directories of the user's runs that ended without cleaning up; returns them."""
    removed = []
    for path in sorted(base.glob(f"{_PREFIX}*")):
        with contextlib.suppress(OSError):
            if _is_own(path) and _is_dead(path):
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path)
    return removed


def live(base: Path | None = None) -> list[Path]:
    """The directories of the user's runs that are alive."""
    folder = base if base is not None else Path(tempfile.gettempdir())
    return [path for path in sorted(folder.glob(f"{_PREFIX}*")) if _is_own(path) and not _is_dead(path)]


def _is_own(path: Path) -> bool:
    try:
        return path.stat().st_uid == os.geteuid()
    except FileNotFoundError:
        return False


def _is_dead(path: Path) -> bool:
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False  # a run that is just starting has no lock file yet
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
