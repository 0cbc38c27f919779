# SPDX-License-Identifier: Apache-2.0
"""Gratuitous ARP, RARP and unsolicited neighbour advertisements are read; look-alikes are not."""

from ipaddress import ip_address

import pytest
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from p4vpc.intent import Mac
from p4vpc.services.responder.announcements import Announcement, Family, read_announcement
from p4vpc.services.responder.ethernet import parse_frame
from tests.unit.p4vpc.services.responder.frames import HOST_LINK_LOCAL, HOST_MAC, HOST_V4, HOST_V6

OTHER_MAC = "02:00:00:00:01:0c"
ALL_NODES = IPv6(src=HOST_LINK_LOCAL, dst="ff02::1", hlim=255)
OWN_OPTION = ICMPv6NDOptDstLLAddr(lladdr=HOST_MAC)


def read(payload: Packet, ether_type: int | None = None) -> Announcement | None:
    frame = Ether(src=HOST_MAC, dst="ff:ff:ff:ff:ff:ff", **({} if ether_type is None else {"type": ether_type}))
    parsed = parse_frame(bytes(frame / payload))
    assert parsed is not None
    return read_announcement(parsed)


def arp(**fields: object) -> Packet:
    return ARP(**{"hwsrc": HOST_MAC, "psrc": HOST_V4, "pdst": HOST_V4, "hwdst": "00:00:00:00:00:00", **fields})


def advertisement(*, target: str = HOST_V6, **fields: int) -> Packet:
    return ICMPv6ND_NA(**{"R": 0, "S": 0, "O": 1, "tgt": target, **fields})


def expected(address: str | None, family: Family) -> Announcement:
    return Announcement(Mac.parse(HOST_MAC), None if address is None else ip_address(address), family)


@pytest.mark.parametrize(
    "message", [arp(op=1), arp(op=2), arp(op=2, hwdst="ff:ff:ff:ff:ff:ff"), arp(op=2, pdst="10.0.1.99")]
)
def test_gratuitous_arp(message: Packet) -> None:
    assert read(message) == expected(HOST_V4, Family.IPV4)


@pytest.mark.parametrize("operation", [3, 4])
def test_rarp(operation: int) -> None:
    message = arp(op=operation, psrc="0.0.0.0", pdst="0.0.0.0", hwdst=HOST_MAC)
    assert read(message, 0x8035) == expected(None, Family.LINK)


@pytest.mark.parametrize("target", [HOST_V6, HOST_LINK_LOCAL])
@pytest.mark.parametrize("options", [Raw(b""), OWN_OPTION, ICMPv6NDOptSrcLLAddr() / OWN_OPTION])
def test_unsolicited_advertisement(target: str, options: Packet) -> None:
    message = ALL_NODES / advertisement(target=target) / options
    assert read(message) == expected(target, Family.IPV6)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(arp(op=1, pdst="10.0.1.99"), id="an ordinary request"),
        pytest.param(arp(op=1, hwsrc=OTHER_MAC), id="for somebody else"),
        pytest.param(arp(op=1, psrc="0.0.0.0", pdst="0.0.0.0"), id="no address"),
        pytest.param(arp(op=2, psrc="224.0.0.1"), id="a group"),
        pytest.param(arp(op=3), id="RARP as ARP"),
        pytest.param(arp(op=1, hwtype=6), id="not Ethernet"),
        pytest.param(arp(op=1, ptype=0x86DD), id="not IPv4"),
        pytest.param(Raw(bytes(arp(op=1))[:27]), id="cut off"),
        pytest.param(ALL_NODES / advertisement(S=1), id="solicited"),
        pytest.param(ALL_NODES / advertisement(code=1), id="another code"),
        pytest.param(ALL_NODES / advertisement(cksum=0x1234), id="wrong checksum"),
        pytest.param(ALL_NODES / advertisement(target="ff02::5"), id="a group v6"),
        pytest.param(ALL_NODES / advertisement(target="::"), id="no address v6"),
        pytest.param(ALL_NODES / advertisement() / ICMPv6NDOptDstLLAddr(lladdr=OTHER_MAC), id="for somebody else v6"),
        pytest.param(ALL_NODES / advertisement() / Raw(bytes(8)), id="an option of length 0"),
        pytest.param(ALL_NODES / advertisement() / Raw(b"\x02\x02" + bytes(6)), id="an option cut off"),
        pytest.param(ALL_NODES / advertisement() / Raw(b"\x02"), id="less than an option"),
        pytest.param(IPv6(src=HOST_V6, dst="ff02::1", hlim=64) / advertisement(), id="from off the link"),
    ],
)
def test_look_alikes(message: Packet) -> None:
    assert read(message, 0x0806 if isinstance(message, Raw) else None) is None


def test_a_rarp_of_another_operation() -> None:
    assert read(arp(op=1), 0x8035) is None


def test_a_group_cannot_announce() -> None:
    frame = parse_frame(bytes(Ether(src="03:00:00:00:00:01", dst="ff:ff:ff:ff:ff:ff") / arp(hwsrc="03:00:00:00:00:01")))
    assert frame is not None
    assert read_announcement(frame) is None
