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
    ETHER_TYPE = 15  # not carried: anything but IPv4 and ARP
    IPV4_HEADER = 16
    MARTIAN = 17
    BROADCAST = 18
    TO_GATEWAY = 19  # addressed to the gateway itself, and not ARP
    ARP_UNKNOWN = 20
    NO_TUNNEL = 21
    NO_NEIGHBOR = 22
    UNKNOWN_BRIDGE_DOMAIN = 23
    UNDERLAY_TTL = 24
    NOT_VXLAN = 25  # to our VTEP, but no VXLAN
    MALFORMED = 26  # the parser gave up
