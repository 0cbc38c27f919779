# SPDX-License-Identifier: Apache-2.0
"""The ARP responder (RFC 826, RFC 5227): requests are answered by the switch where they enter."""

from scapy.layers.l2 import ARP
from scapy.packet import Packet

from ptf_tests import entries, packets
from ptf_tests.leaf import (
    BLUE_WEB1,
    BLUE_WEB2,
    NEIGHBOR_MACS,
    RED_DB1,
    RED_DB2,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    ROUTER_MAC,
    Host,
    LeafTest,
)


def _request(source: Host, target: str) -> Packet:
    return packets.arp_request(source.mac, source.address, target, vlan=source.vlan or None)


class GatewayIsAnswered(LeafTest):
    """A request for the gateway of the own subnet gets the gateway's MAC, out of the port it came from, same tag."""

    def runTest(self) -> None:
        for source in (RED_WEB1, RED_WEB2, RED_DB1, RED_DB2, BLUE_WEB1):
            with self.subTest(source=source):
                request = _request(source, source.subnet.gateway)
                self.forwards(
                    source.port, request, (source.port, packets.arp_reply(request, source.subnet.gateway_mac))
                )


class HostsOfTheSubnetAreAnswered(LeafTest):
    """A request for another host of the subnet gets that host's MAC, whether it is here, remote or foreign."""

    def runTest(self) -> None:
        for source in (RED_WEB1, RED_WEB2):
            for target in (RED_WEB1, RED_WEB2, RED_WEB3, RED_FOREIGN):
                if target == source:
                    continue
                with self.subTest(source=source.address, target=target.address):
                    request = _request(source, target.address)
                    self.forwards(source.port, request, (source.port, packets.arp_reply(request, target.mac)))


class PaddedRequestsAreAnswered(LeafTest):
    """A request that was padded to 60 bytes gets a reply of the same length."""

    def runTest(self) -> None:
        request = packets.padded(_request(RED_WEB1, RED_WEB2.address))
        reply = packets.padded(packets.arp_reply(_request(RED_WEB1, RED_WEB2.address), RED_WEB2.mac))
        self.forwards(1, request, (1, reply))


class UnicastRequestsAreAnswered(LeafTest):
    """A request sent to the cached MAC of the target, to see whether it is still there, is answered too."""

    def runTest(self) -> None:
        for target, mac in ((RED_WEB2.address, RED_WEB2.mac), (RED_WEB.gateway, RED_WEB.gateway_mac)):
            with self.subTest(target=target):
                request = _request(RED_WEB1, target)
                request.dst = mac
                self.forwards(1, request, (1, packets.arp_reply(request, mac)))


class OtherSubnetsAreNotAnswered(LeafTest):
    """A request for a host or gateway of another subnet is not answered: arp_unknown."""

    def runTest(self) -> None:
        for target in (RED_DB1.address, "10.0.2.1"):
            with self.subTest(target=target):
                self.drops_with("arp_unknown", 1, _request(RED_WEB1, target))


class UnknownAddressesAreNotAnswered(LeafTest):
    """A request for an address that nobody has is neither answered nor flooded: arp_unknown."""

    def runTest(self) -> None:
        for target in ("10.0.1.200", "0.0.0.0", "255.255.255.255", "8.8.8.8"):
            with self.subTest(target=target):
                self.drops_with("arp_unknown", 1, _request(RED_WEB1, target))


class NobodyAnswersForTheAsker(LeafTest):
    """A probe for the asker's own address is not answered: arp_unknown."""

    def runTest(self) -> None:
        self.drops_with("arp_unknown", 1, packets.arp_request(RED_WEB1.mac, "0.0.0.0", RED_WEB1.address))


class ProbesForTakenAddressesAreAnswered(LeafTest):
    """A probe (sender 0.0.0.0) for an address that another host or the gateway has is answered: it is taken."""

    def runTest(self) -> None:
        for target, mac in ((RED_WEB2.address, RED_WEB2.mac), (RED_WEB.gateway, RED_WEB.gateway_mac)):
            with self.subTest(target=target):
                request = packets.arp_request(RED_WEB1.mac, "0.0.0.0", target)
                self.forwards(1, request, (1, packets.arp_reply(request, mac)))


class RepliesAreNotCarried(LeafTest):
    """An ARP reply or an unknown operation goes nowhere: arp_unknown."""

    def runTest(self) -> None:
        for operation in (0, 2, 4, 9):
            with self.subTest(operation=operation):
                message = _request(RED_WEB1, RED_WEB2.address)
                message[ARP].op = operation
                message.dst = RED_WEB2.mac
                self.drops_with("arp_unknown", 1, message)


class TenantsAreAnsweredFromTheirOwnVpc(LeafTest):
    """The same question from two VPCs with the same addresses gets the answer of each VPC's own host."""

    def runTest(self) -> None:
        moved = "02:00:00:00:01:b2"
        new = entries.host(
            2,
            BLUE_WEB2.address,
            entries.to_local_host(port=7, index=BLUE_WEB2.index, domain=30, mac=moved, label=BLUE_WEB2.label),
        )
        old = entries.host(
            2,
            BLUE_WEB2.address,
            entries.to_local_host(port=7, index=BLUE_WEB2.index, domain=30, mac=BLUE_WEB2.mac, label=BLUE_WEB2.label),
        )
        self.replace(old, new)
        for source, mac in ((RED_WEB1, RED_WEB2.mac), (BLUE_WEB1, moved)):
            with self.subTest(port=source.port):
                request = _request(source, RED_WEB2.address)
                self.forwards(source.port, request, (source.port, packets.arp_reply(request, mac)))


class LinkAddressIsAnsweredOnFabricPorts(LeafTest):
    """On a fabric port, a request for the switch's own link address gets the router's MAC; any other gets none."""

    def runTest(self) -> None:
        self.install(
            [
                entries.fabric_port(5, packets.BROADCAST),
                entries.gateway_address(0, "172.31.0.1"),
                entries.bridge_domain(0, 0, ROUTER_MAC),
            ]
        )
        request = packets.arp_request(NEIGHBOR_MACS[5], "172.31.0.0", "172.31.0.1")
        self.forwards(5, request, (5, packets.arp_reply(request, ROUTER_MAC)))
        with self.subTest("an address that is not ours"):
            other = packets.arp_request(NEIGHBOR_MACS[5], "172.31.0.0", RED_WEB.gateway)
            self.drops_with("arp_unknown", 5, other)
