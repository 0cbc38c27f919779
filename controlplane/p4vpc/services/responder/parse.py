# SPDX-License-Identifier: Apache-2.0
"""From a frame to the IP packet in it."""

from p4vpc.services.responder.ethernet import ETHER_TYPE_IPV4, ETHER_TYPE_IPV6, EthernetFrame
from p4vpc.services.responder.ipv4 import parse_ipv4
from p4vpc.services.responder.ipv6 import parse_ipv6
from p4vpc.services.responder.packet import IpPacket


def parse_ip(frame: EthernetFrame) -> IpPacket | None:
    """Return the frame's IP packet; None if it carries something else, or something malformed."""
    if frame.ether_type == ETHER_TYPE_IPV4:
        return parse_ipv4(frame.payload)
    if frame.ether_type == ETHER_TYPE_IPV6:
        return parse_ipv6(frame.payload)
    return None
