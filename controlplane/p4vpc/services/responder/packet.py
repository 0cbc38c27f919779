# SPDX-License-Identifier: Apache-2.0
"""What the rules for answers look at, the same for IPv4 and IPv6; and which header goes with which EtherType."""

from dataclasses import dataclass

from p4vpc.intent import IpAddress

PROTOCOL_ICMP = 1
PROTOCOL_UDP = 17
PROTOCOL_ICMPV6 = 58

DEFAULT_TTL = 64
"""TTL or hop limit of what we send ourselves (RFC 1340, "default TTL")."""


@dataclass(frozen=True, slots=True)
class IpPacket:
    """An IP packet taken apart.

    Attributes:
        src, dst: both of the same family.
        traffic_class: the octet of DSCP and ECN.
        hop_limit: TTL or hop limit.
        protocol: of `upper`: behind all extension headers in IPv6.
        upper: header and payload of the upper layer; of a later fragment, whatever it holds.
        is_fragment: a part of a larger packet.
        is_later_fragment: a part that does not begin with the upper layer's header.
        is_unfragmentable: IPv4 with DF, or IPv6.
        is_source_routed: `dst` is a stop on the way only (IPv6 routing header with segments left).
        octets: the packet as it was received, without what Ethernet padded it with.
    """

    src: IpAddress
    dst: IpAddress
    traffic_class: int
    hop_limit: int
    protocol: int
    upper: bytes
    is_fragment: bool
    is_later_fragment: bool
    is_unfragmentable: bool
    is_source_routed: bool
    octets: bytes
