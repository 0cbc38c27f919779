# SPDX-License-Identifier: Apache-2.0
"""What a gateway says to packets that are addressed to itself."""

from p4vpc.services.responder.icmp import (
    ECHO_REPLY_V4,
    ECHO_REPLY_V6,
    ECHO_REQUEST_V4,
    ECHO_REQUEST_V6,
    IcmpError,
    build_error,
    build_message,
    has_right_checksum,
    is_icmp,
)
from p4vpc.services.responder.packet import PROTOCOL_UDP, IpPacket
from p4vpc.services.responder.suppression import is_single_host, may_be_told
from p4vpc.services.responder.view import SubnetView

_UDP_BYTES = 8
_DSCP_MASK = 0xFC


def answer_as_gateway(packet: IpPacket, subnet: SubnetView) -> bytes | None:
    """Return the IP packet that answers one to the gateway; None if there is nothing to say.

    Echo requests are answered (RFC 792, RFC 4443 section 4.2); UDP is told that nobody listens, which is how
    traceroute finds its end (RFC 1122 section 3.2.2.1, RFC 4443 section 3.1). Fragments are not put together.
    """
    if not subnet.is_gateway(packet.dst) or packet.is_fragment or packet.is_source_routed:
        return None
    if is_icmp(packet):
        return _answer_echo(packet, subnet)
    if packet.protocol == PROTOCOL_UDP and len(packet.upper) >= _UDP_BYTES and may_be_told(packet, subnet.broadcasts):
        return build_error(IcmpError.PORT_UNREACHABLE, packet, packet.dst)
    return None


def _answer_echo(packet: IpPacket, subnet: SubnetView) -> bytes | None:
    request, reply = (ECHO_REQUEST_V4, ECHO_REPLY_V4) if packet.src.version == 4 else (ECHO_REQUEST_V6, ECHO_REPLY_V6)
    if packet.upper[:2] != bytes((request, 0)) or not has_right_checksum(packet):
        return None
    if not is_single_host(packet.src, subnet.broadcasts):
        return None
    # The DSCP is the asker's; ECN is not: ICMP is no ECN-capable transport (RFC 3168 section 5).
    return build_message(packet.dst, packet.src, (reply, 0), packet.upper[4:], packet.traffic_class & _DSCP_MASK)
