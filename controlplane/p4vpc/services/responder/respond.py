# SPDX-License-Identifier: Apache-2.0
"""The responder's core: from a dropped frame to the answer that its sender is owed. Pure, and never raises.

::

    frame, ingress port --locate--> Arrival --answer--> IP packet --Arrival.send_back--> frame, same port
"""

from dataclasses import dataclass

from p4vpc.services.responder.ethernet import ETHER_TYPE_IPV6, EthernetFrame, build_frame
from p4vpc.services.responder.gateway import answer_as_gateway
from p4vpc.services.responder.icmp import IcmpError, build_error
from p4vpc.services.responder.locate import Arrival, locate
from p4vpc.services.responder.packet import IpPacket
from p4vpc.services.responder.parse import parse_ip
from p4vpc.services.responder.reasons import Reason
from p4vpc.services.responder.router import ALL_NODES, ALL_NODES_MAC, answer_solicitation, build_advertisement
from p4vpc.services.responder.suppression import may_be_told
from p4vpc.services.responder.view import LocalAttachment, SubnetView, SwitchView


@dataclass(frozen=True, slots=True)
class Reply:
    """A frame to be sent out of a switch port as it is."""

    frame: bytes
    egress_port: int


def respond(frame: bytes, reason: int, ingress_port: int, view: SwitchView) -> Reply | None:
    """Return the answer to a frame that the pipeline has dropped; None if there shall be none.

    Args:
        frame: as it was received on the switch port.
        reason: the drop reason; others than `Reason` get no answer.
        ingress_port: the switch port.
        view: of the switch.
    """
    arrival = locate(frame, ingress_port, view)
    return None if arrival is None else answer(arrival, reason, ingress_port)


def answer(arrival: Arrival, reason: int, ingress_port: int) -> Reply | None:
    """Return the answer to a frame whose sender is known; as `respond`.

    Only what was sent to the gateway's MAC is answered: a bridged packet has met no router that could complain. But a
    router solicitation is for any router there is. A tenant's own VLANs have none.
    """
    subnet = arrival.subnet
    packet = None if arrival.is_in_own_vlan else parse_ip(arrival.frame)
    if packet is None:
        return None
    if reason == Reason.ROUTER_SOLICITATION:
        advertised = answer_solicitation(packet, subnet)
        to_mac = ALL_NODES_MAC if packet.src.is_unspecified else None
        return None if advertised is None else Reply(arrival.send_back(packet, advertised, to_mac), ingress_port)
    if arrival.frame.dst != subnet.gateway_mac:
        return None
    match reason:
        case Reason.TTL:
            said = _complain(IcmpError.TIME_EXCEEDED, packet, subnet)
        case Reason.TOO_BIG:
            said = _complain(IcmpError.TOO_BIG, packet, subnet)
        case Reason.TO_GATEWAY:
            said = answer_as_gateway(packet, subnet)
        case _:
            said = None
    return None if said is None else Reply(arrival.send_back(packet, said), ingress_port)


def advertise(attachment: LocalAttachment, subnet: SubnetView) -> Reply | None:
    """Return the router advertisement that nobody has asked for, for who is attached there; None without IPv6.

    A foreign VTEP's workloads get none: they ask.
    """
    packet = build_advertisement(subnet, ALL_NODES)
    if packet is None:
        return None
    tci = attachment.vlan_id or None
    frame = EthernetFrame(ALL_NODES_MAC, subnet.gateway_mac, tci, ETHER_TYPE_IPV6, packet)
    return Reply(build_frame(frame), attachment.port)


def _complain(kind: IcmpError, packet: IpPacket, subnet: SubnetView) -> bytes | None:
    """Return the error about a packet that could not be routed on, from the gateway.

    Time Exceeded: RFC 792, RFC 1812 section 5.3.1, RFC 4443 section 3.3. Too big: RFC 1191 section 4, RFC 4443 section
    3.2. An IPv4 packet without DF that is too big is lost in silence: the pipeline does not fragment, and
    "fragmentation needed and DF set" would be untrue of it.
    """
    source = subnet.source_for(packet.src)
    if source is None or not may_be_told(packet, subnet.broadcasts):
        return None
    if kind is not IcmpError.TOO_BIG:
        return build_error(kind, packet, source)
    if not packet.is_unfragmentable or len(packet.octets) <= subnet.mtu:
        return None
    return build_error(kind, packet, source, subnet.mtu)
