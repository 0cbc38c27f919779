# SPDX-License-Identifier: Apache-2.0
"""Frames as a host or a VTEP would send them, built and taken apart with scapy. The addresses tell the family."""

import struct
from dataclasses import dataclass
from ipaddress import IPv6Address

from ptf.mask import Mask
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6Unknown, IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw
from scapy.utils import checksum

ICMP_PROTOCOL, TCP_PROTOCOL, UDP_PROTOCOL, ICMPV6_PROTOCOL = 1, 6, 17, 58
ECHO_REQUEST, ECHO_REPLY = 8, 0
ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY = 128, 129
VXLAN_PORT = 4789
ENTROPY_PORTS = range(49152, 65536)
OUTER_TTL = 64
UNDERLAY_OVERHEAD = 50
VLAN_TYPE = 0x8100
BROADCAST = "ff:ff:ff:ff:ff:ff"
FLOW_LABEL = 0xABCDE
"""Of every IPv6 packet that is built here, so that every test would see it change."""
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


def is_v6(address: str) -> bool:
    """Whether an IP address is one of IPv6."""
    return ":" in address


def link_local(mac: str) -> str:
    """The link-local address that carries a MAC (RFC 4291, appendix A: modified EUI-64)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    interface = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return str(IPv6Address(0xFE80 << 112 | int.from_bytes(interface, "big")))


def ip(src: str, dst: str, *, ttl: int = 64) -> Packet:
    """The header of an IP packet."""
    if is_v6(src):
        return IPv6(src=src, dst=dst, hlim=ttl, fl=FLOW_LABEL)
    return IP(src=src, dst=dst, ttl=ttl, id=0x1234)


def udp(src: str, dst: str, sport: int = 1234, dport: int = 5678, *, ttl: int = 64, length: int = 32) -> Packet:
    """An IP datagram with UDP."""
    return ip(src, dst, ttl=ttl) / UDP(sport=sport, dport=dport) / payload(length)


def tcp(src: str, dst: str, sport: int = 1234, dport: int = 80, *, ttl: int = 64) -> Packet:
    """An IP datagram with the first segment of a TCP connection."""
    return ip(src, dst, ttl=ttl) / TCP(sport=sport, dport=dport, flags="S", seq=7) / payload()


def icmp(src: str, dst: str, kind: int | None = None, code: int = 0, *, ttl: int = 64, identifier: int = 3) -> Packet:
    """An IP datagram with a message of the family's ICMP: an echo request, if nothing else is said."""
    # Every kind of message has an identifier where an echo has it: none of them is one for that.
    body = struct.pack("!HH", identifier, 1) + bytes(payload())
    if is_v6(src):
        kind = ICMPV6_ECHO_REQUEST if kind is None else kind
        return ip(src, dst, ttl=ttl) / ICMPv6Unknown(type=kind, code=code, msgbody=body)
    kind = ECHO_REQUEST if kind is None else kind
    message = bytes([kind, code, 0, 0]) + body
    return ip(src, dst, ttl=ttl) / ICMP(message[:2] + checksum(message).to_bytes(2, "big") + message[4:])


def fragment(layer: Packet, *, offset: int, is_last: bool = False) -> Packet:
    """The datagram with all of its payload, marked as a fragment; the offset is in units of 8 bytes."""
    if IP in layer:
        marked: Packet = layer.copy()
        marked.frag, marked.flags = offset, 0 if is_last else "MF"
        return marked
    raw = bytes(layer)
    header = IPv6ExtHdrFragment(nh=raw[6], offset=offset, m=int(not is_last), id=0x5678)
    return _extended(layer, header.overload_fields[IPv6]["nh"], bytes(header))


def with_extension(layer: Packet, kind: int) -> Packet:
    """The IPv6 packet with an extension header of 8 bytes in front of its payload: hop-by-hop 0, destination 60."""
    pad_n = b"\x01\x04\0\0\0\0"
    return _extended(layer, kind, bytes([bytes(layer)[6], 0]) + pad_n)


def _extended(layer: Packet, kind: int, header: bytes) -> Packet:
    raw = bytes(layer)
    extended: Packet = IPv6(raw[:40])
    extended.nh, extended.plen = kind, extended.plen + len(header)
    return extended / Raw(header + raw[40:])


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
    """What a router makes of a frame: new MAC addresses, TTL less one, checksum right, nothing else changed."""
    result = Ether(bytes(packet))
    result.src, result.dst = src_mac, dst_mac
    if isinstance(result.payload, IPv6):
        result.payload.hlim -= 1
    else:
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
