# SPDX-License-Identifier: Apache-2.0
"""Answers over real gRPC: a host's frame goes through softswitch to the controller, the reply comes out at its port.

The whole way: the pipeline drops and punts, the entries are the compiler's.
"""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import TypeAlias

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from p4vpc.intent import load_yaml
from p4vpc.services import Controller
from p4vpc.services.responder import Announcement, Attachment, LocalAttachment, Reason
from p4vpc.services.responder import Outcome as Answer
from softswitch.ports import MemoryPorts
from tests.integration.controller.running import BOUND_SECONDS, controlling_a_leaf, realise

HOST, GATEWAY, PEER = "10.0.1.11", "10.0.1.1", "10.0.1.13"
HOST_V6, GATEWAY_V6, PEER_V6 = "2001:db8:1::b", "2001:db8:1::1", "2001:db8:1::d"
HOST_LINK_LOCAL, GATEWAY_LINK_LOCAL = "fe80::ff:fe00:b", "fe80::5eff:fe00:101"
HOST_MAC, GATEWAY_MAC = "02:00:00:00:00:0b", "02:00:5e:00:01:01"
HOST_PORT = 11

Heard: TypeAlias = asyncio.Queue[tuple[str, Attachment, Announcement]]

INTENT = """
kind: switch
name: leaf1
role: leaf
vtep: 10.255.0.1
p4runtime: ADDRESS
device_id: 1
---
kind: tenant
name: red
---
kind: vpc
tenant: red
name: prod
---
kind: subnet
tenant: red
vpc: prod
name: web
ipv4: 10.0.1.0/24
ipv6: 2001:db8:1::/64
---
kind: port
tenant: red
vpc: prod
name: b
subnet: web
mac: "02:00:00:00:00:0d"
addresses: [10.0.1.13, "2001:db8:1::d"]
attachment: {switch: leaf1, port: 13}
---"""

PORT = """
kind: port
tenant: red
vpc: prod
name: a
subnet: web
mac: "02:00:00:00:00:0b"
addresses: [10.0.1.11, "2001:db8:1::b"]
attachment: {{switch: leaf1, port: {port}}}
"""


@pytest.fixture
async def ports() -> MemoryPorts:
    return MemoryPorts(range(1, 32))


@pytest.fixture
async def heard() -> Heard:
    return asyncio.Queue()


@pytest.fixture
async def running(ports: MemoryPorts, heard: Heard, tmp_path: Path) -> AsyncIterator[Controller]:
    """A controller whose switch shows the intent."""

    def on_announcement(switch: str, attachment: Attachment, announcement: Announcement) -> None:
        heard.put_nowait((switch, attachment, announcement))

    intent = INTENT + PORT.format(port=HOST_PORT)
    async with controlling_a_leaf(tmp_path, ports, intent, on_announcement=on_announcement) as started:
        yield started


async def exchange(ports: MemoryPorts, port: int, packet: Packet) -> Packet:
    """Send a packet as the host, and return what it receives."""
    ports.inject(port, bytes(Ether(src=HOST_MAC, dst=GATEWAY_MAC) / packet))
    async with asyncio.timeout(BOUND_SECONDS):
        frame = Ether(await ports.receive(port))
    assert (frame.src, frame.dst) == (GATEWAY_MAC, HOST_MAC)
    return frame.payload


UDP_PROBE = UDP(dport=33434)


@pytest.mark.parametrize(
    ("reason", "packet", "icmp"),
    [
        (Reason.TO_GATEWAY, IP(src=HOST, dst=GATEWAY) / ICMP(id=7, seq=1) / Raw(b"ping"), (0, 0)),
        (Reason.TO_GATEWAY, IP(src=HOST, dst=GATEWAY) / UDP_PROBE, (3, 3)),
        (Reason.TTL, IP(src=HOST, dst=PEER, ttl=1) / UDP_PROBE, (11, 0)),
        (Reason.TOO_BIG, IP(src=HOST, dst=PEER, flags="DF") / UDP() / Raw(bytes(1473)), (3, 4)),
        (Reason.TO_GATEWAY, IPv6(src=HOST_V6, dst=GATEWAY_V6) / ICMPv6EchoRequest(), (129, 0)),
        (Reason.TO_GATEWAY, IPv6(src=HOST_LINK_LOCAL, dst=GATEWAY_LINK_LOCAL) / ICMPv6EchoRequest(), (129, 0)),
        (Reason.TO_GATEWAY, IPv6(src=HOST_V6, dst=GATEWAY_V6) / UDP_PROBE, (1, 4)),
        (Reason.TTL, IPv6(src=HOST_V6, dst=PEER_V6, hlim=1) / UDP_PROBE, (3, 0)),
        (Reason.TOO_BIG, IPv6(src=HOST_V6, dst=PEER_V6) / UDP() / Raw(bytes(1453)), (2, 0)),
    ],
)
async def test_a_host_gets_its_answer(
    reason: Reason, packet: Packet, icmp: tuple[int, int], ports: MemoryPorts, running: Controller
) -> None:
    said = await exchange(ports, HOST_PORT, packet)
    is_from_who_was_asked = reason is Reason.TO_GATEWAY
    assert said.src == (packet.dst if is_from_who_was_asked else GATEWAY if said.version == 4 else GATEWAY_V6)
    assert said.dst == packet.src
    assert tuple(bytes(said)[20 if said.version == 4 else 40 :][:2]) == icmp
    await exchange(ports, HOST_PORT, packet)
    # The second exchange has begun after the first was counted.
    assert running.responders()["leaf1"].counts[reason, Answer.ANSWERED] >= 1


@pytest.mark.parametrize(
    ("sender", "told"), [(HOST_LINK_LOCAL, HOST_LINK_LOCAL), (HOST_V6, HOST_V6), ("::", "ff02::1")]
)
async def test_a_host_that_looks_for_its_router_finds_the_gateway(
    sender: str, told: str, ports: MemoryPorts, running: Controller
) -> None:
    option = Raw(b"") if sender == "::" else ICMPv6NDOptSrcLLAddr(lladdr=HOST_MAC)
    solicitation = IPv6(src=sender, dst="ff02::2", hlim=255) / ICMPv6ND_RS() / option
    for _ in range(2):
        ports.inject(HOST_PORT, bytes(Ether(src=HOST_MAC, dst="33:33:00:00:00:02") / solicitation))
        async with asyncio.timeout(BOUND_SECONDS):
            frame = Ether(await ports.receive(HOST_PORT))
        said = frame[IPv6]
        assert (frame.src, said.src, said.dst, said.hlim) == (GATEWAY_MAC, GATEWAY_LINK_LOCAL, told, 255)
        assert (said[ICMPv6ND_RA].routerlifetime, said[ICMPv6NDOptMTU].mtu) == (65535, 1500)
        prefix = said[ICMPv6NDOptPrefixInfo]
        assert (prefix.prefix, prefix.prefixlen, prefix.L, prefix.A) == ("2001:db8:1::", 64, 1, 0)
    # The second exchange has begun after the first was counted.
    assert running.responders()["leaf1"].counts[Reason.ROUTER_SOLICITATION, Answer.ANSWERED] >= 1


async def test_a_host_that_moves_is_answered_where_it_is(ports: MemoryPorts, running: Controller) -> None:
    ping = IP(src=HOST, dst=GATEWAY) / ICMP()
    await exchange(ports, HOST_PORT, ping)
    await realise(running, load_yaml(PORT.format(port=12), "test"))
    await exchange(ports, 12, ping)


@pytest.mark.parametrize(
    ("frame", "address"),
    [
        (Ether(dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=HOST_MAC, psrc=HOST, pdst=HOST), HOST),
        (Ether(dst="ff:ff:ff:ff:ff:ff", type=0x8035) / ARP(op=3, hwsrc=HOST_MAC, psrc="0.0.0.0", pdst="0.0.0.0"), None),
        (
            Ether(dst="33:33:00:00:00:01")
            / IPv6(src=HOST_V6, dst="ff02::1", hlim=255)
            / ICMPv6ND_NA(R=0, S=0, O=1, tgt=HOST_V6)
            / ICMPv6NDOptDstLLAddr(lladdr=HOST_MAC),
            HOST_V6,
        ),
    ],
)
async def test_announcements_are_heard(
    frame: Packet, address: str | None, ports: MemoryPorts, running: Controller, heard: Heard
) -> None:
    frame.src = HOST_MAC
    ports.inject(HOST_PORT, bytes(frame))
    async with asyncio.timeout(BOUND_SECONDS):
        switch, attachment, announcement = await heard.get()
    assert (switch, str(announcement.mac)) == ("leaf1", HOST_MAC)
    assert isinstance(attachment, LocalAttachment)
    assert announcement.address == (None if address is None else ip_address(address))
    assert running.announcements.latest == {("leaf1", attachment): announcement}
