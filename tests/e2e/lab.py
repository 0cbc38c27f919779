# SPDX-License-Identifier: Apache-2.0
"""A running fabric as tests see it: sockets and commands in its Linux hosts, and what its switches dropped."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.e2e.staying import ROOT, TIMEOUT_S, credentials, staying
from topo.fabric import FabricPlan, HostPlan, read
from topo.network import HOST_INTERFACE
from topo.rundir import live

T = TypeVar("T")

WAIT_S = 15.0
"""How long anything that should happen may take: five switches may share a core."""

INSIDE = Path(__file__).with_name("inside.py")
ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD


class Lab:
    """What tests may do in a fabric. What they open is closed by `close_sockets`."""

    def __init__(self, plan: FabricPlan, api: httpx.Client, inside: socket.socket) -> None:
        self.plan = plan
        self._hosts = {host.key: host for host in plan.hosts}
        self._api = api
        self._inside = inside
        self._sockets = ExitStack()

    def host(self, key: str) -> HostPlan:
        """The plan of a host."""
        return self._hosts[key]

    def address(self, key: str, family: int) -> str:
        """A host's address of an IP version."""
        return str(self._hosts[key].address(family))

    def gateway(self, key: str, family: int) -> str:
        """A host's gateway of an IP version."""
        return next(str(item.gateway) for item in self._hosts[key].addresses if item.gateway.version == family)

    def link_local(self, key: str) -> str:
        """A host's link-local address, as its kernel has it, with the interface that it needs."""
        [address] = [item["local"] for item in self.ipv6_addresses(key) if item["scope"] == "link"]
        return f"{address}%{HOST_INTERFACE}"

    def ipv6_addresses(self, key: str) -> list[dict[str, Any]]:
        """The IPv6 addresses of a host, as `ip` describes them."""
        [shown] = self.show(key, "-6", "address", "show", "dev", HOST_INTERFACE)
        rows: list[dict[str, Any]] = shown["addr_info"]
        return rows

    def open(self, key: str, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket in a host (`family` and so on as for `socket.socket`), with a timeout of WAIT_S."""
        self._inside.send(json.dumps({"host": key, "socket": [family, kind, protocol]}).encode())
        _, [fd], _, _ = socket.recv_fds(self._inside, 16, 1)
        opened = self._sockets.enter_context(socket.socket(fileno=fd))
        opened.settimeout(WAIT_S)
        return opened

    def ip_socket(self, key: str, version: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket of an IP version."""
        return self.open(key, socket.AF_INET6 if version == 6 else socket.AF_INET, kind, protocol)

    def server(self, key: str, version: int, kind: int, port: int) -> socket.socket:
        """A socket bound to a host's address, for TCP one that listens."""
        opened = self.ip_socket(key, version, kind)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((self.address(key, version), port))
        if kind == socket.SOCK_STREAM:
            opened.listen()
        return opened

    def sniffer(self, key: str, ether_type: int) -> socket.socket:
        """A packet socket that sees what comes in by a host's interface, and does not block."""
        opened = self.open(key, socket.AF_PACKET, socket.SOCK_RAW)
        opened.bind((HOST_INTERFACE, ether_type))
        opened.settimeout(0.0)
        return opened

    def close_sockets(self) -> None:
        """Close every socket that was opened."""
        self._sockets.close()

    def try_all(self, commands: Sequence[tuple[str, Sequence[str]]]) -> list[tuple[int, str]]:
        """Run commands in hosts, all at a time; exit status and output of each."""
        self._inside.send(json.dumps({"commands": commands}).encode())
        results: list[tuple[int, str]] = json.loads(self._inside.recv(1 << 20))
        return results

    def run(self, key: str, *words: str) -> str:
        """Run a command in a host that has to succeed; what it printed."""
        [(status, output)] = self.try_all([(key, words)])
        assert status == 0, f"{key}: {' '.join(words)}: {output}"
        return output

    def ip(self, key: str, *lines: str) -> None:
        """Run `ip` commands, one a line, in a host."""
        for line in lines:
            self.run(key, "ip", *line.split())

    def show(self, key: str, *words: str) -> Any:
        """What an `ip` command shows in a host."""
        return json.loads(self.run(key, "ip", "-json", *words) or "[]")

    def neighbor(self, key: str, address: str) -> str | None:
        """The MAC that a host has learned for an address."""
        rows = self.show(key, "neighbor", "show", "to", address, "dev", HOST_INTERFACE)
        return next((row["lladdr"] for row in rows if "lladdr" in row), None)

    def dropped(self, switch: str, reason: str) -> int:
        """Packets that a switch has dropped for a reason, so far."""
        answer = self._api.get(f"/v1/drops?switch={switch}").json()
        assert not answer["errors"], answer
        return int(answer["switches"][switch][reason])

    @contextmanager
    def drop(self, host: str, reason: str) -> Iterator[None]:
        """Wait after the block until the switch of a host has counted a packet more for a reason than before it."""
        switch = self.host(host).plug.switch
        before = self.dropped(switch, reason)
        yield
        eventually(lambda: self.dropped(switch, reason) > before, f"{reason} at {switch}")


def eventually(condition: Callable[[], T], what: str) -> T:
    """Wait until a condition is true, and return it; AssertionError after WAIT_S."""
    deadline = time.monotonic() + WAIT_S
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {WAIT_S:.0f} s: {what}"
        time.sleep(0.05)
    return result


@contextmanager
def running(environment: Mapping[str, str], target: str, files: Sequence[Path]) -> Iterator[Lab]:
    """A fabric that runs for as long as the block lasts."""
    with ExitStack() as stack:
        process, output = stack.enter_context(staying(environment, "--target", target, *map(str, files)))
        stack.callback(_end, process)
        url = next(word for word in output.split() if word.startswith("http://"))
        [run] = live(Path(environment["TMPDIR"]))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        inside = subprocess.Popen(
            [sys.executable, str(INSIDE), str(run / "run.json"), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            env=environment,
        )
        theirs.close()
        stack.callback(inside.wait, TIMEOUT_S)
        stack.enter_context(ours)  # closed first, which ends the program inside
        ours.settimeout(TIMEOUT_S)
        api = stack.enter_context(httpx.Client(base_url=url, headers=credentials(output), timeout=TIMEOUT_S))
        lab = Lab(read(files), api, ours)
        stack.callback(lab.close_sockets)
        yield lab


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    assert process.wait(TIMEOUT_S) == 0
