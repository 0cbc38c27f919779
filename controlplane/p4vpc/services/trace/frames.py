# SPDX-License-Identifier: Apache-2.0
"""Frames as hosts send them: questions for neighbours, packets of any protocol, and the answer to what has arrived."""

import struct
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from p4vpc.intent import IpAddress, Mac
from p4vpc.services.responder.checksum import internet_checksum, pseudo_header
from p4vpc.services.responder.ethernet import (
    ETHER_TYPE_ARP,
    ETHER_TYPE_IPV4,
    ETHER_TYPE_IPV6,
    EthernetFrame,
    build_frame,
    parse_frame,
)
from p4vpc.services.responder.icmp import ECHO_REPLY_V4, ECHO_REPLY_V6, ECHO_REQUEST_V4, ECHO_REQUEST_V6
from p4vpc.services.responder.ipv4 import HEADER_BYTES as IPV4_BYTES
from p4vpc.services.responder.ipv4 import build_ipv4
from p4vpc.services.responder.ipv6 import HEADER_BYTES as IPV6_BYTES
from p4vpc.services.responder.ipv6 import build_ipv6
from p4vpc.services.responder.packet import DEFAULT_TTL, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_UDP
from p4vpc.services.responder.parse import parse_ip
from p4vpc.services.responder.vxlan import unwrap, wrap

PROTOCOL_TCP = 6
BROADCAST = Mac(0xFFFFFFFFFFFF)
ND_HOP_LIMIT = 255
_NEIGHBOR_SOLICITATION = 135
_SOURCE_LINK_LAYER_ADDRESS = 1
_ECHO_ID = 1
_SYN, _SYN_ACK, _ACK = 0x02, 0x12, 0x10
_WINDOW = 0xFFFF
_TCP = struct.Struct("!HHIIBBHHH")
_UDP = struct.Struct("!HHHH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")


@dataclass(frozen=True, slots=True)
class Packet:
    """What a host sends in IP.

    Attributes:
        protocol: IP protocol number.
        source_port, destination_port: of TCP and UDP.
        icmp: type and code of ICMP and ICMPv6.
        ttl: TTL or hop limit.
        length: octets of the IP packet; None: as short as it gets. Shorter than its headers is as short as it gets.
    """

    src: IpAddress
    dst: IpAddress
    protocol: int
    source_port: int = 0
    destination_port: int = 0
    icmp: tuple[int, int] = (0, 0)
    ttl: int = DEFAULT_TTL
    length: int | None = None


def build_packet(packet: Packet, *, tcp_flags: int = _SYN) -> bytes:
    """Return the IP packet. TypeError if its addresses are not of one family."""
    header_bytes = IPV4_BYTES if packet.src.version == 4 else IPV6_BYTES
    ports = (packet.source_port, packet.destination_port)
    checksum_at: int | None = None
    match packet.protocol:
        case 6:
            upper, checksum_at = _TCP.pack(*ports, 0, 0, _TCP.size // 4 << 4, tcp_flags, _WINDOW, 0, 0), 16
        case 17:
            upper, checksum_at = _UDP.pack(*ports, _UDP.size, 0), 6
        case 1 | 58:
            upper, checksum_at = struct.pack("!BBHHH", *packet.icmp, 0, _ECHO_ID, 1), 2
        case _:
            upper = b""
    upper += bytes(max(0, (packet.length or 0) - header_bytes - len(upper)))
    if packet.protocol == PROTOCOL_UDP:
        upper = upper[:4] + len(upper).to_bytes(2) + upper[6:]
    if checksum_at is not None:
        upper = _with_checksum(packet, upper, checksum_at)
    return _in_ip(packet, upper)


def _in_ip(packet: Packet, upper: bytes) -> bytes:
    match packet.src, packet.dst:
        case IPv4Address() as src, IPv4Address() as dst:
            return build_ipv4(src, dst, packet.protocol, upper, ttl=packet.ttl)
        case IPv6Address() as src, IPv6Address() as dst:
            return build_ipv6(src, dst, packet.protocol, upper, hop_limit=packet.ttl)
    raise TypeError(f"{packet.src} and {packet.dst} are not of one family")


def _with_checksum(packet: Packet, upper: bytes, at: int) -> bytes:
    match packet.src, packet.dst:
        case IPv6Address() as src, IPv6Address() as dst:
            pseudo = pseudo_header(src, dst, packet.protocol, len(upper))
        case src, dst if packet.protocol != PROTOCOL_ICMP:
            pseudo = src.packed + dst.packed + struct.pack("!HH", packet.protocol, len(upper))  # RFC 9293 section 3.1
        case _:
            pseudo = b""
    checksum = internet_checksum(pseudo + upper)
    if packet.protocol == PROTOCOL_UDP:
        checksum = checksum or 0xFFFF
    return upper[:at] + checksum.to_bytes(2) + upper[at + 2 :]


def ether_type_of(address: IpAddress) -> int:
    """The EtherType of an address's family."""
    return ETHER_TYPE_IPV4 if address.version == 4 else ETHER_TYPE_IPV6


def build_question(sender: Mac, source: IpAddress, target: IpAddress, tci: int | None) -> bytes:
    """Return the frame that asks who has an address: ARP (RFC 826), or neighbour discovery (RFC 4861 section 4.3).

    Raises TypeError if the addresses are not of one family.
    """
    mac = sender.value.to_bytes(6)
    match source, target:
        case IPv4Address(), IPv4Address():
            arp = _ARP.pack(1, ETHER_TYPE_IPV4, 6, 4, 1, mac, source.packed, bytes(6), target.packed)
            return build_frame(EthernetFrame(BROADCAST, sender, tci, ETHER_TYPE_ARP, arp))
        case IPv6Address(), IPv6Address():
            low = int(target) & 0xFFFFFF
            group = IPv6Address(int(IPv6Address("ff02::1:ff00:0")) | low)
            body = target.packed + struct.pack("!BB", _SOURCE_LINK_LAYER_ADDRESS, 1) + mac
            upper = struct.pack("!BBHI", _NEIGHBOR_SOLICITATION, 0, 0, 0) + body
            packet = Packet(source, group, PROTOCOL_ICMPV6, ttl=ND_HOP_LIMIT)
            payload = _in_ip(packet, _with_checksum(packet, upper, 2))
            return build_frame(EthernetFrame(Mac(0x3333FF000000 | low), sender, tci, ETHER_TYPE_IPV6, payload))
    raise TypeError(f"{source} and {target} are not of one family")


def group_mac(address: IpAddress) -> Mac | None:
    """The MAC that frames to a multicast or broadcast address go to (RFC 1112 section 6.4, RFC 2464 section 7)."""
    if address == IPv4Address(0xFFFFFFFF):
        return BROADCAST
    if not address.is_multicast:
        return None
    number = int(address)
    return Mac(0x01005E000000 | number & 0x7FFFFF if address.version == 4 else 0x333300000000 | number & 0xFFFFFFFF)


def build_reply(frame: bytes, *, is_tunnelled: bool) -> bytes | None:
    """Return what a host answers to a frame; None if nothing that is a flow's other direction.

    Ports, addresses and MACs are swapped; TCP says SYN and ACK, an echo request gets its reply. What came in a tunnel
    (`is_tunnelled`) goes back into it, as a foreign VTEP does it.
    """
    outer = parse_frame(frame)
    if outer is None:
        return None
    found = unwrap(outer) if is_tunnelled else None
    if found is None:
        return _build_plain_reply(outer)
    tunnel, inner = found
    parsed = parse_frame(inner)
    reply = None if parsed is None else _build_plain_reply(parsed)
    return None if reply is None else wrap(tunnel, reply, 0)


def _build_plain_reply(frame: EthernetFrame) -> bytes | None:
    about = parse_ip(frame)
    if about is None or about.is_fragment or not frame.dst.is_unicast:
        return None
    answer = Packet(about.dst, about.src, about.protocol)
    upper = about.upper
    if about.protocol in (PROTOCOL_TCP, PROTOCOL_UDP):
        if len(upper) < _UDP.size:
            return None
        destination_port, source_port = struct.unpack_from("!HH", upper)
        answer = replace(answer, source_port=source_port, destination_port=destination_port)
        is_opening = about.protocol == PROTOCOL_TCP and len(upper) >= _TCP.size and upper[13] & _SYN_ACK == _SYN
        payload = build_packet(answer, tcp_flags=_SYN_ACK if is_opening else _ACK)
    elif about.protocol in (PROTOCOL_ICMP, PROTOCOL_ICMPV6):
        is_v4 = about.protocol == PROTOCOL_ICMP
        request, reply = (ECHO_REQUEST_V4, ECHO_REPLY_V4) if is_v4 else (ECHO_REQUEST_V6, ECHO_REPLY_V6)
        if upper[:2] != bytes((request, 0)):
            return None
        payload = _in_ip(answer, _with_checksum(answer, bytes((reply, 0, 0, 0)) + upper[4:], 2))
    else:
        payload = _in_ip(answer, upper)
    return build_frame(replace(frame, dst=frame.src, src=frame.dst, payload=payload))
