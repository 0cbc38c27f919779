# SPDX-License-Identifier: Apache-2.0
"""Drop reasons in words, and how far a packet had come when it was dropped for one."""

from collections.abc import Mapping
from enum import IntEnum

from p4vpc.compiler.drop_reasons import DropReason


class Stage(IntEnum):
    """What is decided about a packet where it enters, in the order in which a person would decide it."""

    ENTRY = 0
    SOURCE = 1
    GATEWAY = 2
    DESTINATION = 3
    RULES = 4


TEXTS: Mapping[int, str] = {
    DropReason.UNKNOWN_PORT: "nobody is plugged in there with this tag, and it is not for the switch itself",
    DropReason.UNKNOWN_VTEP: "its tunnel comes from a VTEP that this switch does not know",
    DropReason.UNKNOWN_VNI: "its tunnel has a VNI that is not present here",
    DropReason.VXLAN_FLAGS: "its VXLAN header has other flags than it may have",
    DropReason.OUTER_FRAGMENT: "its tunnel packet is a fragment",
    DropReason.INNER_VLAN: "it has a tag, and its subnet carries none",
    DropReason.SPOOF: "its source MAC or address is not one of its port",
    DropReason.TTL: "its TTL or hop limit ends at the gateway",
    DropReason.NO_ROUTE: "no port of the VPC has the address, and no route leads there",
    DropReason.UNKNOWN_DESTINATION: "no port of the subnet has the destination MAC",
    DropReason.POLICY: "no security group rule allows it",
    DropReason.SPLIT_HORIZON: "it came by a tunnel and would leave by one",
    DropReason.SAME_PORT: "it would go back to where it came from",
    DropReason.NO_UNDERLAY_ROUTE: "the underlay has no route to the tunnel's end",
    DropReason.ETHER_TYPE: "it is neither IPv4, IPv6 nor ARP, and nothing else is carried",
    DropReason.IP_HEADER: "its IP header is not valid",
    DropReason.MARTIAN: "its addresses must not be on a network",
    DropReason.BROADCAST: "it is for a group, and its subnet does not flood",
    DropReason.TO_GATEWAY: "it is for the gateway itself, which answers no more than ARP, ND and echo requests",
    DropReason.ARP_UNKNOWN: "nobody of the subnet has the address that it asks for",
    DropReason.NO_TUNNEL: "the switch has no tunnel to where the port is",
    DropReason.NO_NEIGHBOR: "the switch does not know the MAC at the far end of the link",
    DropReason.UNKNOWN_BRIDGE_DOMAIN: "the switch does not know the VNI of the subnet",
    DropReason.UNDERLAY_TTL: "the TTL of its tunnel packet has ended",
    DropReason.NOT_VXLAN: "it is for the switch's VTEP and no VXLAN",
    DropReason.MALFORMED: "it ends before its headers do",
    DropReason.ACL: "a network ACL denies it",
    DropReason.ECN: "its tunnel packet was marked as congested, and it cannot carry that mark on",
    DropReason.RATE: "it exceeds the rate of its port",
    DropReason.TOO_BIG: "it is longer than the tenant MTU",
    DropReason.LINK_LOCAL: "link-local addresses are never routed",
    DropReason.ND_UNKNOWN: "nobody of the subnet has the address that it asks for",
    DropReason.LEARN: "it announces an address, and nothing is learnt from frames",
    DropReason.CANDIDATE: "its port may move to there, and only its announcements are taken from there",
    DropReason.ROUTER_SOLICITATION: "it looks for a router, which the controller answers for",
}

FABRIC: frozenset[int] = frozenset(
    {
        DropReason.UNKNOWN_VTEP,
        DropReason.UNKNOWN_VNI,
        DropReason.VXLAN_FLAGS,
        DropReason.OUTER_FRAGMENT,
        DropReason.SPLIT_HORIZON,
        DropReason.NO_UNDERLAY_ROUTE,
        DropReason.NO_TUNNEL,
        DropReason.NO_NEIGHBOR,
        DropReason.UNKNOWN_BRIDGE_DOMAIN,
        DropReason.UNDERLAY_TTL,
        DropReason.NOT_VXLAN,
        DropReason.ECN,
    }
)
"""What tenants know nothing of, nor can mend."""

_STAGES: Mapping[int, Stage] = {
    DropReason.UNKNOWN_PORT: Stage.ENTRY,
    DropReason.UNKNOWN_VTEP: Stage.ENTRY,
    DropReason.UNKNOWN_VNI: Stage.ENTRY,
    DropReason.VXLAN_FLAGS: Stage.ENTRY,
    DropReason.OUTER_FRAGMENT: Stage.ENTRY,
    DropReason.INNER_VLAN: Stage.ENTRY,
    DropReason.ETHER_TYPE: Stage.ENTRY,
    DropReason.IP_HEADER: Stage.ENTRY,
    DropReason.MARTIAN: Stage.ENTRY,
    DropReason.NOT_VXLAN: Stage.ENTRY,
    DropReason.MALFORMED: Stage.ENTRY,
    DropReason.SPOOF: Stage.SOURCE,
    DropReason.LEARN: Stage.SOURCE,
    DropReason.CANDIDATE: Stage.SOURCE,
    DropReason.ROUTER_SOLICITATION: Stage.SOURCE,
    DropReason.TTL: Stage.GATEWAY,
    DropReason.TO_GATEWAY: Stage.GATEWAY,
    DropReason.LINK_LOCAL: Stage.GATEWAY,
    DropReason.ARP_UNKNOWN: Stage.DESTINATION,
    DropReason.ND_UNKNOWN: Stage.DESTINATION,
    DropReason.NO_ROUTE: Stage.DESTINATION,
    DropReason.UNKNOWN_DESTINATION: Stage.DESTINATION,
    DropReason.BROADCAST: Stage.DESTINATION,
    DropReason.SAME_PORT: Stage.DESTINATION,
    DropReason.SPLIT_HORIZON: Stage.DESTINATION,
}


def stage_of(reason: int | None) -> Stage:
    """The last stage that tells anything about a packet which is dropped for a reason; None: it is not."""
    return Stage.RULES if reason is None else _STAGES.get(reason, Stage.RULES)


def text_of(reason: int) -> str:
    """A reason in words."""
    return TEXTS.get(reason, f"for reason {reason}")
