# SPDX-License-Identifier: Apache-2.0
"""AF_PACKET ports on a veth pair, each test in a network namespace of its own."""

import asyncio
import ctypes
import functools
import os
import shutil
import socket
import subprocess
import threading

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from softswitch.ports import PortError
from softswitch.ports.packet_socket import PacketSocketPort

CLONE_NEWNET = 0x40000000

pytestmark = [
    pytest.mark.namespaces,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a network namespace in the test's own process"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="needs iproute2"),
]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def in_own_namespace(test):
    """Run an async test in a thread that has left for a network namespace of its own; it vanishes with the thread."""

    @functools.wraps(test)
    def run(host):
        failures: list[BaseException] = []

        def body() -> None:
            try:
                if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "unshare")
                make_veth()
                asyncio.run(test(host))
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]

    return run


def make_veth() -> None:
    ip("link", "add", "near", "type", "veth", "peer", "name", "far")
    # The kernel's own neighbour discovery would mix its frames with those of the test.
    ip("link", "set", "near", "addrgenmode", "none", "up")
    ip("link", "set", "far", "addrgenmode", "none", "up")


def wire() -> socket.socket:
    """The other end of the cable."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    raw.bind(("far", 0))
    raw.settimeout(20)
    return raw


async def start(port: PacketSocketPort, host) -> None:
    """Start the port and see it up: the kernel takes a moment to call a new veth pair running."""
    port.start(host)
    if not host.ports[5]:
        assert await host.next("state") == (5, True)


FRAME = bytes(Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a", type=0x88B5) / b"hello, world")


@in_own_namespace
async def test_frames_go_both_ways(host):
    port = PacketSocketPort(5, "near")
    await start(port, host)
    with wire() as far:
        far.send(FRAME)
        assert await host.next("frame") == (5, FRAME)
        host.senders[5](FRAME[::-1])
        assert await asyncio.to_thread(far.recv, 2000) == FRAME[::-1]
        # What the port itself sends does not come back as received.
        far.send(FRAME)
        assert await host.next("frame") == (5, FRAME)
    assert port.counters()[5].rx_frames == 2
    assert port.counters()[5].tx_bytes == len(FRAME)
    port.stop()
    port.stop()
    assert host.ports == {}


@in_own_namespace
async def test_a_vlan_tag_that_the_kernel_took_off_is_put_back(host):
    port = PacketSocketPort(5, "near")
    await start(port, host)
    tagged = bytes(Ether(dst="02:00:00:00:00:0b") / Dot1Q(vlan=7, prio=5, type=0x88B5) / b"hello, world")
    with wire() as far:
        far.send(tagged)
        assert await host.next("frame") == (5, tagged)
    port.stop()


@in_own_namespace
async def test_a_checksum_left_to_the_nic_is_completed(host):
    ip("address", "add", "10.0.0.1/24", "dev", "far")
    ip("neighbor", "add", "10.0.0.2", "lladdr", "02:00:00:00:00:0b", "dev", "far")
    port = PacketSocketPort(5, "near")
    await start(port, host)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"payload", ("10.0.0.2", 9))
    _, frame = await host.next("frame")
    received = Ether(frame)
    assert received[UDP].payload.load == b"payload"
    expected = Ether(frame)
    del expected[UDP].chksum, expected[IP].chksum
    assert bytes(expected) == frame
    port.stop()


@in_own_namespace
async def test_a_link_that_goes_down_and_up_is_reported(host):
    port = PacketSocketPort(5, "near")
    await start(port, host)
    ip("link", "set", "far", "down")
    assert await host.next("state") == (5, False)
    ip("link", "set", "near", "down")
    host.senders[5](FRAME)
    assert port.counters()[5].tx_errors == 1
    ip("link", "set", "near", "up")
    ip("link", "set", "far", "up")
    assert await host.next("state") == (5, True)
    with wire() as far:
        far.send(FRAME)
        assert await host.next("frame") == (5, FRAME)
    port.stop()


@in_own_namespace
async def test_an_interface_that_comes_back_is_opened_again(host):
    port = PacketSocketPort(5, "near")
    await start(port, host)
    ip("link", "del", "near")
    assert await host.next("state") == (5, False)
    host.senders[5](FRAME)
    make_veth()
    assert await host.next("state") == (5, True)
    with wire() as far:
        far.send(FRAME)
        assert await host.next("frame") == (5, FRAME)
        host.senders[5](FRAME)
        assert await asyncio.to_thread(far.recv, 2000) == FRAME
    port.stop()


@in_own_namespace
async def test_a_frame_that_the_interface_refuses_is_counted(host):
    port = PacketSocketPort(5, "near")
    await start(port, host)
    host.senders[5](bytes(9000))
    host.senders[5](b"")
    assert port.counters()[5].tx_errors == 2
    assert port.counters()[5].tx_frames == 0
    port.stop()


@in_own_namespace
async def test_an_interface_that_is_not_there_is_named(host):
    with pytest.raises(PortError, match="port 5: there is no network interface 'nowhere'"):
        PacketSocketPort(5, "nowhere").start(host)
    assert host.ports == {}
