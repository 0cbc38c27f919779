# SPDX-License-Identifier: Apache-2.0
"""Why the pipeline drops a packet: the numbers of p4src/common/drop_reasons.p4, which are never renumbered."""

from enum import IntEnum


class DropReason(IntEnum):
    """One reason for dropping a packet; the comments say more where the name does not."""

    UNKNOWN_PORT = 1
    UNKNOWN_VTEP = 2
    UNKNOWN_VNI = 3
    VXLAN_FLAGS = 4
    OUTER_FRAGMENT = 5
    INNER_VLAN = 6
    SPOOF = 7
    TTL = 8
    NO_ROUTE = 9
    UNKNOWN_DESTINATION = 10
    POLICY = 11
    SPLIT_HORIZON = 12
    SAME_PORT = 13
    NO_UNDERLAY_ROUTE = 14
    ETHER_TYPE = 15  # not carried: anything but IPv4, IPv6 and ARP
    IP_HEADER = 16
    MARTIAN = 17
    BROADCAST = 18  # a group MAC in a subnet that does not flood
    TO_GATEWAY = 19  # addressed to the gateway itself, and nothing that the pipeline answers
    ARP_UNKNOWN = 20
    NO_TUNNEL = 21
    NO_NEIGHBOR = 22
    UNKNOWN_BRIDGE_DOMAIN = 23
    UNDERLAY_TTL = 24
    NOT_VXLAN = 25  # to our VTEP, but no VXLAN
    MALFORMED = 26  # the parser gave up
    ACL = 27
    ECN = 28  # RFC 6040: inner Not-ECT, outer CE
    RATE = 29  # beyond the port's meter
    TOO_BIG = 30  # longer than the tenant MTU
    LINK_LOCAL = 31  # never routed
    ND_UNKNOWN = 32  # neighbour discovery that is no question about somebody we know
    LEARN = 33  # gratuitous ARP, RARP, neighbour advertisement: nothing is learnt from tenants' frames
    CANDIDATE = 34  # from where a port may move to, and no announcement that it has
    ROUTER_SOLICITATION = 36  # a host looks for its router


LOGGED_OUTBOUND = 40
LOGGED_INBOUND = 41
"""Of the same numbers, but nothing is dropped for them: a rule of a network ACL logs what it matches, of what is routed
out of a subnet and into it."""

ANSWERED = frozenset(
    {DropReason.TTL, DropReason.TO_GATEWAY, DropReason.TOO_BIG, DropReason.LEARN, DropReason.ROUTER_SOLICITATION}
)
"""What the controller sees of what is dropped, because it answers it: with an ICMP error, as the gateway, as the
subnet's router, or by telling where a port is."""
