# SPDX-License-Identifier: Apache-2.0
"""The few Linux calls that Python 3.11 has no function for: unshare, setns, mount (man pages, section 2)."""

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

MS_REC = 0x4000
MS_PRIVATE = 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Move the calling thread (with CLONE_NEWUSER: the single-threaded process) into new namespaces."""
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Move the calling thread into the namespace that `fd` refers to; `kind` is its CLONE_NEW* flag."""
    _check(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, filesystem: str | None, flags: int = 0) -> None:
    """Mount `source` on `target`; without a filesystem only the propagation flags of `target` change."""
    kind = filesystem.encode() if filesystem is not None else None
    _check(_libc.mount(source.encode(), target.encode(), kind, flags, None), f"mount {target}")
