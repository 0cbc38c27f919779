# SPDX-License-Identifier: Apache-2.0
"""VXLAN datagrams (RFC 7348 section 5): out of one, and back into one to where it came from."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from p4vpc.intent import IpAddress, Mac
from p4vpc.services.responder.checksum import internet_checksum, pseudo_header
from p4vpc.services.responder.ethernet import (
    ETHER_TYPE_IPV4,
    ETHER_TYPE_IPV6,
    EthernetFrame,
    build_frame,
)
from p4vpc.services.responder.ipv4 import build_ipv4
from p4vpc.services.responder.ipv6 import build_ipv6
from p4vpc.services.responder.packet import PROTOCOL_UDP
from p4vpc.services.responder.parse import parse_ip

VXLAN_PORT = 4789
_FIRST_SOURCE_PORT = 49152
_SOURCE_PORT_MASK = 0x3FFF
_FLOW_LABEL_MASK = 0xFFFFF
_UDP = struct.Struct("!HHHH")
_CHECKSUM_OFFSET = 6
_VXLAN = struct.Struct("!B3xI")
_VNI_IS_VALID = 0x08


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The way back into the tunnel that a frame came out of.

    Attributes:
        local_mac, local: the switch's router MAC and VTEP.
        remote_mac, remote: the neighbour that the datagram came from last, and the VTEP that sent it.
    """

    local_mac: Mac
    remote_mac: Mac
    local: IpAddress
    remote: IpAddress
    vni: int


def unwrap(frame: EthernetFrame) -> tuple[Tunnel, bytes] | None:
    """Return where a VXLAN frame came from, and the frame inside; None if it is none.

    A fragment is none: no VTEP may send one (RFC 7348 section 4.3). Flags other than I, group policy among them, are
    not looked at.
    """
    packet = parse_ip(frame)
    if packet is None or packet.protocol != PROTOCOL_UDP or packet.is_fragment:
        return None
    if len(packet.upper) < _UDP.size + _VXLAN.size:
        return None
    _, dst_port, length, _ = _UDP.unpack_from(packet.upper)
    flags, vni_reserved = _VXLAN.unpack_from(packet.upper, _UDP.size)
    if dst_port != VXLAN_PORT or not flags & _VNI_IS_VALID or length != len(packet.upper):
        return None
    tunnel = Tunnel(frame.dst, frame.src, packet.dst, packet.src, vni_reserved >> 8)
    return tunnel, packet.upper[_UDP.size + _VXLAN.size :]


def _with_checksum(local: IPv6Address, remote: IPv6Address, udp: bytes) -> bytes:
    """Return the datagram with its checksum, where `udp` has 0. A sum of 0 is sent as all ones (RFC 8200, 8.1)."""
    checksum = internet_checksum(pseudo_header(local, remote, PROTOCOL_UDP, len(udp)) + udp) or 0xFFFF
    return udp[:_CHECKSUM_OFFSET] + checksum.to_bytes(2) + udp[_UDP.size :]


def wrap(tunnel: Tunnel, inner: bytes, flow_hash: int) -> bytes:
    """Return the frame that takes `inner` back.

    The outer header is the pipeline's: TTL 64, DF, DSCP 0 and Not-ECT, the flow in the UDP source port (RFC 7348
    section 5), in IPv6 also in a flow label that is not 0 (RFC 6437). The UDP checksum is 0 over IPv4, and calculated
    over IPv6, as that is right in both modes of a tunnel.

    Raises TypeError if the tunnel's addresses are not of one family.
    """
    source_port = _FIRST_SOURCE_PORT | flow_hash & _SOURCE_PORT_MASK
    vxlan = _VXLAN.pack(_VNI_IS_VALID, tunnel.vni << 8)
    udp = _UDP.pack(source_port, VXLAN_PORT, _UDP.size + len(vxlan) + len(inner), 0) + vxlan + inner
    match tunnel.local, tunnel.remote:
        case IPv4Address() as local, IPv4Address() as remote:
            ether_type, packet = ETHER_TYPE_IPV4, build_ipv4(local, remote, PROTOCOL_UDP, udp)
        case IPv6Address() as local, IPv6Address() as remote:
            flow_label = flow_hash & _FLOW_LABEL_MASK or 1
            udp = _with_checksum(local, remote, udp)
            ether_type, packet = ETHER_TYPE_IPV6, build_ipv6(local, remote, PROTOCOL_UDP, udp, flow_label=flow_label)
        case _:
            raise TypeError(f"{tunnel.local} and {tunnel.remote} are not of one family")
    return build_frame(EthernetFrame(tunnel.remote_mac, tunnel.local_mac, None, ether_type, packet))
