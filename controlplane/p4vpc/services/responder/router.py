# SPDX-License-Identifier: Apache-2.0
"""The gateway as the subnet's IPv6 router: advertisements (RFC 4861 section 4.2).

What it says: it is the router, for `LIFETIME_SECONDS`; the subnet's prefix is on the link (L), so hosts of it ask for
each other; no address is made of it (A = 0) and none is to be had by DHCP (M = O = 0), because the addresses of a port
come from intent and the source guard lets no other pass; and the MTU is the tenant's.
"""

import struct
from ipaddress import IPv6Address

from p4vpc.intent import Mac
from p4vpc.services.responder.icmp import INTERNETWORK_CONTROL, build_message, has_right_checksum, is_icmp
from p4vpc.services.responder.packet import DEFAULT_TTL, IpPacket
from p4vpc.services.responder.view import SubnetView

ALL_NODES = IPv6Address("ff02::1")
ALL_NODES_MAC = Mac(0x333300000001)
LIFETIME_SECONDS = 65535
"""The longest there is (RFC 8319): hosts keep their router as long as possible when no controller is there."""

ADVERTISEMENT_INTERVAL_SECONDS = 3600.0
"""How often hosts are told without asking: well within the lifetime."""

FIRST_ADVERTISEMENT_SECONDS = 60.0
"""How soon after the start for the first time: who asked while no controller was there waits no longer."""

ND_HOP_LIMIT = 255
_SOLICITATION = (133, 0)
_ADVERTISEMENT = (134, 0)
_SOLICITATION_BYTES = 8
_SOURCE_LINK_LAYER_ADDRESS = 1
_PREFIX_INFORMATION = 3
_MTU = 5
_ON_LINK = 0x80
_VALID_SECONDS = 2_592_000
_PREFERRED_SECONDS = 604_800
"""AdvValidLifetime and AdvPreferredLifetime (RFC 4861 section 6.2.1)."""


def answer_solicitation(packet: IpPacket, subnet: SubnetView) -> bytes | None:
    """Return the advertisement for who solicits one: to its address, or to all nodes if it has none yet.

    None if the solicitation is none (RFC 4861 section 6.1.1), or the subnet has no IPv6.
    """
    if not _is_solicitation(packet) or not isinstance(packet.src, IPv6Address):
        return None
    return build_advertisement(subnet, ALL_NODES if packet.src.is_unspecified else packet.src)


def build_advertisement(subnet: SubnetView, target: IPv6Address) -> bytes | None:
    """Return the IP packet in which the subnet's gateway advertises itself; None if the subnet has no IPv6."""
    prefix = subnet.prefix_v6
    if prefix is None:
        return None
    body = struct.pack("!BBHII", DEFAULT_TTL, 0, LIFETIME_SECONDS, 0, 0)
    body += struct.pack("!BB6s", _SOURCE_LINK_LAYER_ADDRESS, 1, subnet.gateway_mac.value.to_bytes(6))
    body += struct.pack("!BBHI", _MTU, 1, 0, subnet.mtu)
    lifetimes = struct.pack("!III", _VALID_SECONDS, _PREFERRED_SECONDS, 0)
    body += struct.pack("!BBBB", _PREFIX_INFORMATION, 4, prefix.prefixlen, _ON_LINK) + lifetimes
    body += prefix.network_address.packed
    source = subnet.gateway_link_local
    return build_message(source, target, _ADVERTISEMENT, body, INTERNETWORK_CONTROL, hop_limit=ND_HOP_LIMIT)


def _is_solicitation(packet: IpPacket) -> bool:
    if not is_icmp(packet) or packet.hop_limit != ND_HOP_LIMIT or packet.is_fragment:
        return False
    if tuple(packet.upper[:2]) != _SOLICITATION or len(packet.upper) < _SOLICITATION_BYTES:
        return False
    options = packet.upper[_SOLICITATION_BYTES:]
    while options:
        if len(options) < 2 or options[1] == 0 or len(options) < options[1] * 8:
            return False
        if options[0] == _SOURCE_LINK_LAYER_ADDRESS and packet.src.is_unspecified:
            return False
        options = options[options[1] * 8 :]
    return has_right_checksum(packet)
