# SPDX-License-Identifier: Apache-2.0
"""A tenant's own VXLAN is ordinary UDP to us."""

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from ptf_tests import packets
from ptf_tests.leaf import (
    RED_DB1,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    VTEP,
    Host,
    LeafTest,
    delivered,
    from_tunnel,
    out_of_tunnel,
    routed_to,
)


def _tenant_vxlan(source: Host, destination: Host) -> Packet:
    """VXLAN between two hosts of a tenant, with everything in it that we would refuse in a tunnel of ours."""
    innermost = Ether(src="02:00:00:00:aa:01", dst="02:00:00:00:aa:02") / Dot1Q(vlan=7) / packets.udp("1.1.1.1", VTEP)
    return (
        IP(src=source.address, dst=destination.address, id=5)
        / UDP(sport=50000, dport=packets.VXLAN_PORT, chksum=0)
        / VXLAN(flags=0x88, vni=RED_WEB.vni)
        / innermost
    )


class TenantVxlanFromAnAccessPort(LeafTest):
    """VXLAN that a tenant host sends is bridged, routed and encapsulated like any UDP, no byte of it changed."""

    def runTest(self) -> None:
        with self.subTest("bridged on one leaf"):
            frame = RED_WEB1.to(RED_WEB2, _tenant_vxlan(RED_WEB1, RED_WEB2))
            self.forwards(1, frame, (2, delivered(RED_WEB2, frame)))
        with self.subTest("routed on one leaf"):
            frame = RED_WEB1.to(RED_WEB.gateway_mac, _tenant_vxlan(RED_WEB1, RED_DB1))
            self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))
        with self.subTest("into our tunnel"):
            frame = RED_WEB1.to(RED_WEB3, _tenant_vxlan(RED_WEB1, RED_WEB3))
            self.forwards(1, frame, out_of_tunnel(2, RED_WEB, frame))


class AnythingMayGoToPort4789(LeafTest):
    """A tenant's datagram to UDP port 4789 need not be VXLAN at all: any payload of any length passes untouched."""

    def runTest(self) -> None:
        vxlan = bytes(_tenant_vxlan(RED_WEB1, RED_WEB2)[UDP].payload)
        for length in (0, 1, 7, 8, 9, 21, 22, 25, 26, 45, 60):
            layer = IP(src=RED_WEB1.address, dst=RED_WEB2.address) / UDP(sport=50000, dport=packets.VXLAN_PORT)
            with self.subTest("from an access port", length=length):
                frame = RED_WEB1.to(RED_WEB2, layer / Raw(vxlan[:length]))
                self.forwards(1, frame, (2, delivered(RED_WEB2, frame)))
            with self.subTest("inside our tunnel", length=length):
                layer.src, layer.dst = RED_WEB3.address, RED_WEB1.address
                inner = RED_WEB3.to(RED_WEB1, layer / Raw(vxlan[:length]))
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), (1, inner))


class TenantVxlanInsideOurTunnel(LeafTest):
    """VXLAN inside our tunnel is taken out of it once, and delivered as it was sent."""

    def runTest(self) -> None:
        for destination in (RED_WEB1, RED_WEB2):
            with self.subTest(destination=destination.address):
                inner = RED_WEB3.to(destination, _tenant_vxlan(RED_WEB3, destination))
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), (destination.port, delivered(destination, inner)))
