# SPDX-License-Identifier: Apache-2.0
"""A command inside of a host of a running fabric: `python -m topo exec red/prod/web-1 ping 10.0.1.12`."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from topo import linux, rundir
from topo.errors import TopoError
from topo.namespaces import Namespace, join_user_namespace
from topo.run import RUN_FILE


def execute(host: str, command: Sequence[str]) -> None:
    """Become `command` in the network namespace of a host, named by its port key. Returns only by TopoError."""
    namespace = _find(host)
    linux.setns(namespace.fd, linux.CLONE_NEWNET)
    try:
        os.execvp(command[0], list(command))
    except OSError as error:
        raise TopoError(f"{command[0]}: {error.strerror}") from error


def _find(host: str) -> Namespace:
    runs = rundir.live()
    if not runs:
        raise TopoError("no fabric of this user is running; start one with `make run`")
    known: list[str] = []
    for path in runs:
        pid, hosts = _read(path)
        known += hosts
        if host in hosts:
            join_user_namespace(pid)
            return Namespace.of_process(host, pid, hosts[host])
    raise TopoError(f"there is no host {host}; there are {', '.join(sorted(known))}")


def _read(path: Path) -> tuple[int, dict[str, int]]:
    try:
        content = json.loads((path / RUN_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:  # a run that is just starting
        return 0, {}
    return content["pid"], content["hosts"]
