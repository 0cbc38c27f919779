# SPDX-License-Identifier: Apache-2.0
"""Whose frame is it? The tenant's frame itself, taken out of its tunnel if it came by one, and the way back."""

from dataclasses import dataclass
from zlib import crc32

from p4vpc.intent import Mac
from p4vpc.services.responder.ethernet import EthernetFrame, build_frame, parse_frame
from p4vpc.services.responder.packet import IpPacket
from p4vpc.services.responder.view import Attachment, ForeignAttachment, SubnetView, SwitchView
from p4vpc.services.responder.vxlan import Tunnel, unwrap, wrap

_UNTAGGED = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A tenant's frame as it came in.

    Attributes:
        frame: the tenant's own, without tunnel.
        tunnel: what it came out of; None if it came from a port of ours.
    """

    attachment: Attachment
    subnet: SubnetView
    frame: EthernetFrame
    tunnel: Tunnel | None

    @property
    def is_in_own_vlan(self) -> bool:
        """Whether the frame has a tag of the tenant's own."""
        return self.frame.tci is not None and self.subnet.is_vlan_transparent

    def send_back(self, about: IpPacket, packet: bytes, dst: Mac | None = None) -> bytes:
        """Return the frame that takes an IP packet from the gateway to where the packet it is about came from.

        The tag is that of the arrived frame, priority included; it goes to the arrived frame's source, or to `dst`.
        """
        frame = self.frame
        headers = (dst or frame.src, self.subnet.gateway_mac, frame.tci, frame.ether_type)
        inner = build_frame(EthernetFrame(*headers, packet))
        if self.tunnel is None:
            return inner
        # All that the gateway tells a host about another is one flow to the underlay.
        return wrap(self.tunnel, inner, crc32(about.dst.packed + about.src.packed))


def locate(data: bytes, ingress_port: int, view: SwitchView) -> Arrival | None:
    """Return whose frame arrived, by port and VLAN, or by foreign VTEP and VNI; None if by nobody's that we know.

    VXLAN is looked into only where the pipeline does: on a fabric port, addressed to the router MAC and our VTEP. On
    other ports it is a tenant's own payload. What our own leaves send is not answered: they route where a frame enters.
    """
    frame = parse_frame(data)
    if frame is None or not frame.src.is_unicast:
        return None
    if ingress_port in view.fabric_ports and frame.tci is None and frame.dst == view.router_mac:
        return _from_tunnel(frame, view)
    found = view.locals.get((ingress_port, frame.vlan_id))
    if found is None:
        found = view.locals.get((ingress_port, _UNTAGGED))
        if found is None or not found[1].is_vlan_transparent:
            return None
    return Arrival(*found, frame, None)


def _from_tunnel(outer: EthernetFrame, view: SwitchView) -> Arrival | None:
    found = unwrap(outer)
    if found is None:
        return None
    tunnel, data = found
    attachment = ForeignAttachment(tunnel.remote, tunnel.vni)
    subnet = view.foreign.get(attachment)
    inner = parse_frame(data)
    if subnet is None or tunnel.local not in view.vteps or inner is None:
        return None
    # Inside of VXLAN a frame has no tag (RFC 7348 section 6.1) but a tenant's own; the pipeline has dropped others.
    if (inner.tci is not None and not subnet.is_vlan_transparent) or not inner.src.is_unicast:
        return None
    return Arrival(attachment, subnet, inner, tunnel)
