# SPDX-License-Identifier: Apache-2.0
"""Network namespaces without names: they exist only through this process and its children.

A namespace under `/run/netns` outlives whoever made it. The ones here are held by file descriptors and processes alone,
so the kernel removes them, with every interface in them, at the end of the run: however it ends, kill -9 included.
"""

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from topo import linux
from topo.errors import NamespacesNotPermittedError

T = TypeVar("T")

_REMEDY = """\
This kernel does not let user {user} create network namespaces ({cause}).
Any one of these helps:
  - run it as root (in a container: `docker run --privileged`, or `--cap-add SYS_ADMIN --cap-add NET_ADMIN
    --security-opt seccomp=unconfined --security-opt apparmor=unconfined`)
  - allow unprivileged user namespaces, as root:
      sysctl -w user.max_user_namespaces=10000
      sysctl -w kernel.unprivileged_userns_clone=1              (older Debian, where the key exists)
      sysctl -w kernel.apparmor_restrict_unprivileged_userns=0  (Ubuntu, where the key exists)"""


class Namespace:
    """One network namespace, open for as long as this object is."""

    def __init__(self, name: str, fd: int) -> None:
        self.name = name
        self.fd = fd

    @classmethod
    def current(cls, name: str) -> "Namespace":
        """The namespace that the calling thread is in."""
        return cls(name, os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    @classmethod
    def create(cls, name: str) -> "Namespace":
        """A new, empty namespace (only a `lo` that is down). The caller stays where it is."""

        def make() -> Namespace:
            linux.unshare(linux.CLONE_NEWNET)
            return cls.current(name)

        return _in_thread(make)

    @classmethod
    def of_process(cls, name: str, pid: int, fd: int) -> "Namespace":
        """The namespace that another process holds as its descriptor `fd`."""
        return cls(name, os.open(f"/proc/{pid}/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC))

    @property
    def path(self) -> str:
        """A path that other processes (`ip link add ... netns PATH`) can open."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Put the calling thread into the namespace. Sockets opened and processes started inside stay there.

        Nothing may be awaited inside: every other task of the thread would find itself in the namespace too.
        """
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            linux.setns(self.fd, linux.CLONE_NEWNET)
            try:
                yield
            finally:
                linux.setns(home, linux.CLONE_NEWNET)
        finally:
            os.close(home)

    def close(self) -> None:
        """Let go of the namespace; it goes with its last process. Closing twice is allowed."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _in_thread(function: Callable[[], T]) -> T:
    """Run `function` in a thread of its own, whose namespaces may change and end with it."""
    results: list[T] = []
    errors: list[OSError] = []

    def run() -> None:
        try:
            results.append(function())
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def isolate() -> None:
    """Move this process into a private network and mount namespace, inside a new user namespace when not privileged.

    Must be called while the process has a single thread (a rule of CLONE_NEWUSER). Sockets that were opened before keep
    working in the user's own namespace. `/sys` is mounted anew because it shows the interfaces of whoever mounted it.

    Raises NamespacesNotPermittedError with the remedy when the kernel refuses.
    """
    flags = linux.CLONE_NEWNET | linux.CLONE_NEWNS
    try:
        if os.geteuid() == 0:
            try:
                linux.unshare(flags)
            except PermissionError:  # root of a container without CAP_SYS_ADMIN
                _unshare_user(flags)
        else:
            _unshare_user(flags)
    except OSError as error:
        raise not_permitted(error) from error
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    # Only a switch that looks its interfaces up in /sys misses a fresh one, and that switch says so itself.
    with contextlib.suppress(OSError):
        linux.mount("sysfs", "/sys", "sysfs")


def join_user_namespace(pid: int) -> None:
    """Move this process into the user namespace of another one of the same user, if it is not the same already."""
    theirs = Path(f"/proc/{pid}/ns/user")
    if theirs.stat().st_ino == Path("/proc/self/ns/user").stat().st_ino:
        return
    fd = os.open(theirs, os.O_RDONLY | os.O_CLOEXEC)
    try:
        linux.setns(fd, linux.CLONE_NEWUSER)
    finally:
        os.close(fd)


def _unshare_user(flags: int) -> None:
    user, group = os.geteuid(), os.getegid()
    linux.unshare(flags | linux.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")


def not_permitted(error: OSError) -> NamespacesNotPermittedError:
    """The error for a refused namespace, with what the user can do about it."""
    cause = errno.errorcode.get(error.errno or 0, "unknown error")
    return NamespacesNotPermittedError(_REMEDY.format(user=os.geteuid(), cause=cause))


def probe() -> NamespacesNotPermittedError | None:
    """Whether `isolate` would work, found out in a child process; None, or the error that it would raise."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 0
        try:
            isolate()
            Namespace.create("probe").close()
        except (NamespacesNotPermittedError, OSError) as error:
            cause = error.__cause__ if isinstance(error, NamespacesNotPermittedError) else error
            code = cause.errno if isinstance(cause, OSError) and cause.errno else errno.EPERM
        os.write(writer, bytes([code & 0xFF]))
        os._exit(0)
    os.close(writer)
    answer = os.read(reader, 1)
    os.close(reader)
    os.waitpid(child, 0)
    code = answer[0] if answer else errno.EPERM
    return None if code == 0 else not_permitted(OSError(code, os.strerror(code)))
