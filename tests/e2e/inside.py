# SPDX-License-Identifier: Apache-2.0
"""A program inside of a running fabric: opens sockets and runs commands in its hosts, for the tests outside.

A socket keeps the network namespace that it was opened in, whoever holds it: the tests get theirs from here, and need
not enter a namespace themselves (which a process of several threads may not, when users come with it). Arguments: the
run's `run.json`, and the descriptor of a socket on which each request is a line of JSON, and each answer too.
"""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from topo import linux
from topo.namespaces import Namespace, join_user_namespace

COMMAND_TIMEOUT_S = 30.0


def serve(hosts: dict[str, Namespace], requests: socket.socket) -> None:
    """Answer until the other side is gone."""
    while message := requests.recv(1 << 16):
        request: dict[str, Any] = json.loads(message)
        if "socket" in request:
            with hosts[request["host"]].entered():
                opened = socket.socket(*request["socket"])
            socket.send_fds(requests, [b"{}"], [opened.fileno()])
            opened.close()
        else:
            requests.send(json.dumps(run_all(hosts, request["commands"])).encode())


def run_all(hosts: dict[str, Namespace], commands: list[tuple[str, list[str]]]) -> list[tuple[int, str]]:
    """Run commands in their hosts, all at a time; exit status and output of each."""
    processes = []
    for host, words in commands:
        with hosts[host].entered():
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        processes.append(process)
    results = []
    for process in processes:
        try:
            output, _ = process.communicate(timeout=COMMAND_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        results.append((process.returncode, output))
    return results


def main(run_file: Path, fd: int) -> None:
    """Join the run's namespaces, and serve."""
    content = json.loads(run_file.read_text(encoding="utf-8"))
    join_user_namespace(content["pid"])
    hosts = {key: Namespace.of_process(key, content["pid"], number) for key, number in content["hosts"].items()}
    # From a user namespace there is no way back into the user's network namespace: be at home in one of the run's.
    linux.setns(next(iter(hosts.values())).fd, linux.CLONE_NEWNET)
    with socket.socket(fileno=fd) as requests:
        serve(hosts, requests)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
