# SPDX-License-Identifier: Apache-2.0
"""Frames as a host or a VTEP would send them, built and taken apart with scapy."""

import struct
from dataclasses import dataclass

from ptf.mask import Mask
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

VXLAN_PORT = 4789
ENTROPY_PORTS = range(49152, 65536)
OUTER_TTL = 64
UNDERLAY_OVERHEAD = 50
VLAN_TYPE = 0x8100
BROADCAST = "ff:ff:ff:ff:ff:ff"
_UDP_SOURCE_OFFSET = 14 + 20


def frame(src_mac: str, dst_mac: str, *layers: Packet, vlan: int | None = None) -> Packet:
    """An Ethernet frame, tagged when a VLAN is given."""
    result: Packet = Ether(src=src_mac, dst=dst_mac)
    if vlan:
        result /= Dot1Q(vlan=vlan)
    for layer in layers:
        result /= layer
    return result


def payload(length: int = 32) -> Packet:
    """Bytes that show where they were cut or shifted."""
    return Raw(bytes(value % 251 for value in range(length)))


def udp(src: str, dst: str, sport: int = 1234, dport: int = 5678, *, ttl: int = 64, length: int = 32) -> Packet:
    """An IPv4 datagram with UDP."""
    return IP(src=src, dst=dst, ttl=ttl, id=0x1234) / UDP(sport=sport, dport=dport) / payload(length)


def tcp(src: str, dst: str, sport: int = 1234, dport: int = 80, *, ttl: int = 64) -> Packet:
    """An IPv4 datagram with the first segment of a TCP connection."""
    return IP(src=src, dst=dst, ttl=ttl, id=0x1234) / TCP(sport=sport, dport=dport, flags="S", seq=7) / payload()


def icmp(src: str, dst: str, kind: int = 8, code: int = 0, *, ttl: int = 64) -> Packet:
    """An IPv4 datagram with an ICMP message."""
    return IP(src=src, dst=dst, ttl=ttl, id=0x1234) / ICMP(type=kind, code=code, id=3, seq=1) / payload()


def arp_request(mac: str, sender: str, target: str, *, vlan: int | None = None) -> Packet:
    """Who has `target`, tell `sender`."""
    return frame(
        mac,
        BROADCAST,
        ARP(op=1, hwsrc=mac, psrc=sender, hwdst="00:00:00:00:00:00", pdst=target),
        vlan=vlan,
    )


def arp_reply(request: Packet, mac: str) -> Packet:
    """The answer to a request: its target address is at `mac`. Tag and trailing bytes stay."""
    reply: Packet = Ether(bytes(request))
    asked = reply[ARP]
    reply[Ether].src = mac
    reply[Ether].dst = asked.hwsrc
    asked.op = 2
    asked.hwdst, asked.pdst, asked.hwsrc, asked.psrc = asked.hwsrc, asked.psrc, mac, asked.pdst
    return reply


def padded(packet: Packet, length: int = 60) -> bytes:
    """A frame as a network card sends it: filled up with zeros to the shortest Ethernet frame (without FCS)."""
    return bytes(packet).ljust(length, b"\0")


def routed(packet: Packet, *, src_mac: str, dst_mac: str) -> Packet:
    """What a router makes of a frame: new MAC addresses, TTL less one, its checksum right, nothing else changed."""
    result = Ether(bytes(packet))
    result.src, result.dst = src_mac, dst_mac
    result[IP].ttl -= 1
    del result[IP].chksum
    return Ether(bytes(result))


@dataclass(frozen=True)
class Link:
    """Ethernet addresses of a frame on a fabric link."""

    src_mac: str
    dst_mac: str


def vxlan(
    link: Link,
    src: str,
    dst: str,
    vni: int,
    inner: Packet | bytes,
    *,
    sport: int = 55555,
    flags: int = 0x08,
    ttl: int = OUTER_TTL,
) -> Packet:
    """An encapsulated frame exactly as this VTEP sends it, apart from the UDP source port."""
    outer = IP(src=src, dst=dst, ttl=ttl, id=0, flags="DF")
    # By hand: scapy gives some reserved flags a meaning of later drafts and shifts the fields.
    header = struct.pack("!B3xI", flags, vni << 8)
    return (
        Ether(src=link.src_mac, dst=link.dst_mac)
        / outer
        / UDP(sport=sport, dport=VXLAN_PORT, chksum=0)
        / Raw(header + bytes(inner))
    )


def any_source_port(packet: Packet) -> Mask:
    """The encapsulated frame, with any UDP source port; `source_port` tells which one came."""
    mask = Mask(bytes(packet))
    mask.set_do_not_care(_UDP_SOURCE_OFFSET * 8, 16)
    return mask


def source_port(raw: bytes) -> int:
    """The UDP source port of an encapsulated frame."""
    return int.from_bytes(raw[_UDP_SOURCE_OFFSET : _UDP_SOURCE_OFFSET + 2], "big")
