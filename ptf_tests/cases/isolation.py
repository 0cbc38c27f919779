# SPDX-License-Identifier: Apache-2.0
"""Two VPCs with identical MAC and IP addresses never see each other's packets."""

from ptf_tests import packets
from ptf_tests.entries import policy
from ptf_tests.leaf import (
    BLUE_DB,
    BLUE_DB1,
    BLUE_DB3,
    BLUE_WEB,
    BLUE_WEB1,
    BLUE_WEB2,
    BLUE_WEB3,
    RED_DB,
    RED_DB1,
    RED_DB3,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    LeafTest,
    attachment,
    by_family,
    delivered,
    from_tunnel,
    out_of_tunnel,
    remote,
    routed_to,
)


class BridgingStaysInTheVpc(LeafTest):
    """The same frame, sent from a port of each VPC, reaches only the host of the sender's own VPC."""

    def runTest(self) -> None:
        for red, red_target, blue, blue_target in by_family((RED_WEB1, RED_WEB2, BLUE_WEB1, BLUE_WEB2)):
            with self.subTest(source=red.address):
                frame = red.udp_to(red_target)
                self.assertEqual(bytes(frame), bytes(blue.udp_to(blue_target)))
                self.forwards(1, frame, (2, delivered(red_target, frame)))
                self.forwards(4, frame, (7, delivered(blue_target, frame)))


class BridgingFindsNoNeighbourVpc(LeafTest):
    """A MAC that only the other VPC has is unknown, locally and behind a tunnel."""

    def runTest(self) -> None:
        self.remove(attachment(RED_WEB2))
        self.remove(remote(RED_WEB3))
        for source, destination in by_family((RED_WEB1, RED_WEB2), (RED_WEB1, RED_WEB3)):
            with self.subTest(destination=destination.address):
                self.drops_with("unknown_destination", 1, source.udp_to(destination))


class RoutingStaysInTheVpc(LeafTest):
    """The same packet to the gateway, sent from a port of each VPC, is routed to the sender's own VPC."""

    def runTest(self) -> None:
        for red, red_target, blue, blue_target in by_family((RED_WEB1, RED_DB1, BLUE_WEB1, BLUE_DB1)):
            with self.subTest(source=red.address):
                frame = red.udp_by_gateway(red_target)
                self.assertEqual(bytes(frame), bytes(blue.udp_by_gateway(blue_target)))
                self.forwards(1, frame, (3, routed_to(red_target, frame)))
                self.forwards(4, frame, (8, routed_to(blue_target, frame)))


class RoutingFindsNoNeighbourVpc(LeafTest):
    """An address that only the other VPC has leads nowhere: no_route."""

    def runTest(self) -> None:
        self.remove(attachment(RED_DB1))
        self.remove(remote(RED_DB3))
        for source, destination in by_family((RED_WEB1, RED_DB1), (RED_WEB1, RED_DB3)):
            with self.subTest(destination=destination.address):
                self.drops_with("no_route", 1, source.udp_by_gateway(destination))


class ArpFindsNoNeighbourVpc(LeafTest):
    """A request for an address that only the other VPC has is not answered."""

    def runTest(self) -> None:
        self.remove(attachment(RED_WEB2))
        self.drops_with("arp_unknown", 1, packets.arp_request(RED_WEB1.mac, RED_WEB1.address, RED_WEB2.address))
        request = packets.arp_request(BLUE_WEB1.mac, BLUE_WEB1.address, BLUE_WEB2.address)
        self.forwards(4, request, (4, packets.arp_reply(request, BLUE_WEB2.mac)))


class TunnelsKeepVpcsApart(LeafTest):
    """Identical frames of two VPCs travel under different VNIs, bridged and routed, to where each VPC's host is."""

    def runTest(self) -> None:
        for source, neighbour, target in by_family((RED_WEB1, RED_WEB3, RED_DB3)):
            with self.subTest(source=source.address):
                frame = source.udp_to(neighbour)
                self.forwards(1, frame, out_of_tunnel(RED_WEB3.tunnel, RED_WEB, frame))
                self.forwards(4, frame, out_of_tunnel(BLUE_WEB3.tunnel, BLUE_WEB, frame))
                frame = source.udp_by_gateway(target)
                self.forwards(1, frame, out_of_tunnel(RED_DB3.tunnel, RED_DB, routed_to(RED_DB3, frame)))
                self.forwards(4, frame, out_of_tunnel(BLUE_DB3.tunnel, BLUE_DB, routed_to(BLUE_DB3, frame)))


class VniDecidesTheVpc(LeafTest):
    """Identical inner frames from one peer reach the host of the VPC that the VNI names, bridged and routed."""

    def runTest(self) -> None:
        for source, neighbour, target in by_family((RED_WEB3, RED_WEB1, RED_DB1)):
            with self.subTest(source=source.address):
                inner = source.udp_to(neighbour)
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), (1, inner))
                self.forwards(5, from_tunnel(2, BLUE_WEB.vni, inner), (4, inner))
                inner = source.udp_by_gateway(target)
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), (3, routed_to(RED_DB1, inner)))
                self.forwards(5, from_tunnel(2, BLUE_WEB.vni, inner), (8, routed_to(BLUE_DB1, inner)))


class LabelsKeepVpcsApart(LeafTest):
    """A rule of one VPC opens nothing in the other, although the addresses are the same."""

    policies = ()

    def runTest(self) -> None:
        self.install([policy("permit", src=RED_WEB1.label, dst=RED_DB1.label)])
        for source, target in by_family((RED_WEB1, RED_DB1)):
            with self.subTest(source=source.address):
                frame = source.udp_by_gateway(target)
                self.forwards(1, frame, (3, routed_to(target, frame)))
                self.drops_with("policy", 4, frame)
