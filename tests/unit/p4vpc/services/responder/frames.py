# SPDX-License-Identifier: Apache-2.0
"""A switch with a few attachments, frames that scapy builds, and an independent look at replies."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from types import MappingProxyType

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw
from scapy.utils import checksum

from p4vpc.intent import Mac
from p4vpc.services.responder import ForeignAttachment, LocalAttachment, SubnetView, SwitchView

GATEWAY_MAC = "02:00:5e:00:01:01"
HOST_MAC = "02:00:00:00:01:0b"
ROUTER_MAC = "02:aa:00:00:00:01"
NEIGHBOR_MAC = "02:bb:00:00:00:01"

HOST_V4, GATEWAY_V4, FAR_V4 = "10.0.1.11", "10.0.1.1", "10.0.2.21"
HOST_V6, GATEWAY_V6, FAR_V6 = "2001:db8:1::b", "2001:db8:1::1", "2001:db8:2::15"
PREFIX_V6 = "2001:db8:1::/64"
GATEWAY_LINK_LOCAL = "fe80::5eff:fe00:101"
HOST_LINK_LOCAL = "fe80::ff:fe00:10b"
BROADCAST_V4, FAR_BROADCAST_V4 = "10.0.1.255", "10.0.2.255"

VTEP_V4, FOREIGN_V4 = "10.255.0.1", "10.255.9.1"
VTEP_V6, FOREIGN_V6 = "2001:db8:ff::1", "2001:db8:ff:9::1"
VNI = 5001

FABRIC_PORT, PORT, TAGGED_PORT, VLAN_ID = 1, 11, 12, 7
MTU = 1500

TTL, TO_GATEWAY, TOO_BIG, LEARN, ROUTER_SOLICITATION = 8, 19, 30, 33, 36

SUBNET = SubnetView(
    gateway_mac=Mac.parse(GATEWAY_MAC),
    gateway_v4=IPv4Address(GATEWAY_V4),
    gateway_v6=IPv6Address(GATEWAY_V6),
    prefix_v6=IPv6Network(PREFIX_V6),
    mtu=MTU,
    broadcasts=frozenset({IPv4Address(BROADCAST_V4), IPv4Address(FAR_BROADCAST_V4)}),
)
UNTAGGED = LocalAttachment(PORT, 0, 101)
TAGGED = LocalAttachment(TAGGED_PORT, VLAN_ID, 102)
BEHIND_V4 = ForeignAttachment(IPv4Address(FOREIGN_V4), VNI)
BEHIND_V6 = ForeignAttachment(IPv6Address(FOREIGN_V6), VNI)


def switch_view(subnet: SubnetView = SUBNET) -> SwitchView:
    locals_: Mapping[tuple[int, int], tuple[LocalAttachment, SubnetView]] = {
        (it.port, it.vlan_id): (it, subnet) for it in (UNTAGGED, TAGGED)
    }
    return SwitchView(
        router_mac=Mac.parse(ROUTER_MAC),
        fabric_ports=frozenset({FABRIC_PORT}),
        vteps=frozenset({IPv4Address(VTEP_V4), IPv6Address(VTEP_V6)}),
        locals=MappingProxyType(locals_),
        foreign=MappingProxyType({BEHIND_V4: subnet, BEHIND_V6: subnet}),
    )


VIEW = switch_view()


def ether(*, src: str = HOST_MAC, dst: str = GATEWAY_MAC, vlan: int | None = None, priority: int = 0) -> Packet:
    frame = Ether(src=src, dst=dst)
    return frame if vlan is None else frame / Dot1Q(vlan=vlan, prio=priority)


def v4(*, src: str = HOST_V4, dst: str = FAR_V4, **fields: object) -> Packet:
    return IP(src=src, dst=dst, **fields)


def v6(*, src: str = HOST_V6, dst: str = FAR_V6, **fields: object) -> Packet:
    return IPv6(src=src, dst=dst, **fields)


def tunnelled(inner: Packet, *, is_v6: bool = False, vni: int = VNI, **udp: int) -> bytes:
    outer = IPv6(src=FOREIGN_V6, dst=VTEP_V6) if is_v6 else IP(src=FOREIGN_V4, dst=VTEP_V4)
    vxlan = VXLAN(vni=vni, flags="Instance")
    return bytes(Ether(src=NEIGHBOR_MAC, dst=ROUTER_MAC) / outer / UDP(sport=50000, **udp) / vxlan / inner)


def check_v4(octets: bytes) -> IP:
    """An IPv4 packet whose lengths and checksums, of the header and of ICMP, are right."""
    packet = IP(octets)
    assert checksum(octets[:20]) == 0
    assert (packet.version, packet.ihl, packet.len) == (4, 5, len(octets))
    if packet.proto == 1:
        assert checksum(octets[20:]) == 0
    return packet


def check_v6(octets: bytes) -> IPv6:
    """An IPv6 packet whose length and ICMPv6 checksum are right."""
    packet = IPv6(octets)
    assert (packet.version, packet.plen) == (6, len(octets) - 40)
    if packet.nh == 58:
        assert in6_chksum(58, IPv6(src=packet.src, dst=packet.dst), octets[40:]) == 0
    return packet


def check(frame: bytes) -> Packet:
    """A frame with what must hold for every answer; the IP packet inside, of a tunnel's inner frame if there is one."""
    found = Ether(frame)
    if found.haslayer(VXLAN):
        octets = bytes(found.payload)
        outer = check_v4(octets) if found.type == 0x0800 else check_v6(octets)
        if found.type == 0x0800:
            assert outer[UDP].chksum == 0
        else:
            assert outer[UDP].chksum != 0
            assert in6_chksum(17, IPv6(src=outer.src, dst=outer.dst), octets[40:]) == 0
        assert outer[UDP].len == len(bytes(outer[UDP]))
        found = found[VXLAN].payload
    octets = bytes(found[Dot1Q].payload if found.haslayer(Dot1Q) else found.payload)
    return check_v4(octets) if octets[0] >> 4 == 4 else check_v6(octets)


ECHO = ICMP(type="echo-request", id=7, seq=3) / Raw(b"0123456789abc")
