# SPDX-License-Identifier: Apache-2.0
"""The traffic of the packet benchmarks: paths through a leaf, and a generator with a window of packets in flight."""

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from scapy.layers.inet import UDP

from ptf_tests import leaf, namespace
from ptf_tests.leaf import RED_DB3, RED_WEB, RED_WEB1, RED_WEB2, RED_WEB3
from ptf_tests.p4info import Entry

FLOWS = 256
WINDOW = 24
"""Packets in flight: libpcap, through which BMv2 receives, has room for 32."""
LOST_AFTER_S = 0.5
_PAYLOAD = 22
_ETH_P_ALL = 3


@dataclass(frozen=True)
class Path:
    """Frames that enter by one port and leave by another, one of each flow."""

    name: str
    ingress: int
    egress: int
    frames: tuple[bytes, ...]


def entries() -> list[Entry]:
    """A leaf with two VPCs and a policy that permits all."""
    result = [*leaf.fabric(), leaf.permit_all()]
    for subnet in leaf.SUBNETS:
        result += leaf.subnet_entries(subnet)
    for host in leaf.LOCAL_HOSTS:
        result += leaf.attachment(host)
    for host in leaf.REMOTE_HOSTS:
        result += leaf.remote(host)
    return result


def paths() -> list[Path]:
    """Bridging, encapsulation (bridged and routed) and decapsulation; tenant frames of 64 bytes (60 without FCS)."""
    flows = range(FLOWS)

    def udp(source: leaf.Host, destination: leaf.Host, flow: int) -> bytes:
        return bytes(source.udp_to(destination, sport=1024 + flow, length=_PAYLOAD - 4))

    def routed(flow: int) -> bytes:
        return bytes(RED_WEB1.udp_by_gateway(RED_DB3, sport=1024 + flow, length=_PAYLOAD - 4))

    def tunnelled(flow: int) -> bytes:
        frame = leaf.from_tunnel(2, RED_WEB.vni, udp(RED_WEB3, RED_WEB1, flow))
        frame[UDP].sport = 49152 + flow
        return bytes(frame)

    return [
        Path("bridge", 1, 2, tuple(udp(RED_WEB1, RED_WEB2, flow) for flow in flows)),
        Path("bridge + VXLAN encap", 1, 5, tuple(udp(RED_WEB1, RED_WEB3, flow) for flow in flows)),
        Path("route + VXLAN encap", 1, 6, tuple(routed(flow) for flow in flows)),
        Path("VXLAN decap + bridge", 5, 1, tuple(tunnelled(flow) for flow in flows)),
    ]


class VethGenerator:
    """Sends into one port's link and counts what comes out of another's, with at most WINDOW packets in flight."""

    def __init__(self, path: Path) -> None:
        self._sender = _open(namespace.test_side(path.ingress))
        self._receiver = _open(namespace.test_side(path.egress))
        self._frames: Sequence[bytes] = path.frames
        self.lost = 0

    def close(self) -> None:
        """Gives the sockets back."""
        self._sender.close()
        self._receiver.close()

    def measure(self, duration_s: float) -> float:
        """Packets per second that came out."""
        frames, sender, receiver = self._frames, self._sender, self._receiver
        sent = received = 0
        poller = select.poll()
        poller.register(receiver, select.POLLIN)
        start = time.perf_counter()
        end = start + duration_s
        while time.perf_counter() < end:
            while sent - received < WINDOW:
                sender.send(frames[sent % len(frames)])
                sent += 1
            if not poller.poll(LOST_AFTER_S * 1000):
                self.lost += sent - received
                sent = received
                continue
            received += _drain(receiver)
        elapsed = time.perf_counter() - start
        while poller.poll(LOST_AFTER_S * 1000) and _drain(receiver):
            pass
        return received / elapsed


def _drain(receiver: socket.socket) -> int:
    count = 0
    try:
        while True:
            receiver.recv(64)
            count += 1
    except BlockingIOError:
        return count


def _open(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    opened.bind((interface, _ETH_P_ALL))
    opened.setblocking(False)
    return opened
