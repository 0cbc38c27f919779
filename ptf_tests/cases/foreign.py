# SPDX-License-Identifier: Apache-2.0
"""Foreign VTEPs: hypervisors and routers that do VXLAN themselves and are not trusted."""

from scapy.layers.l2 import ARP, Ether

from ptf_tests import discovery, entries, packets
from ptf_tests.leaf import (
    BLUE_WEB,
    FOREIGN,
    RED_DB,
    RED_DB1,
    RED_DB3,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    WEB,
    Host,
    LeafTest,
    by_family,
    delivered,
    from_tunnel,
    out_of_tunnel,
    routed_to,
)
from ptf_tests.p4info import Entry


def _policies() -> tuple[Entry, ...]:
    """Rules of a small VPC: web may be reached by foreign workloads, and may reach them."""
    return (entries.policy("permit", src=FOREIGN, dst=WEB), entries.policy("permit", src=WEB, dst=FOREIGN))


class ForeignWorkloadReachesAHost(LeafTest):
    """A workload behind a foreign VTEP reaches a local host when the rule for its label allows it."""

    policies = _policies()

    def runTest(self) -> None:
        for source, destination in by_family((RED_FOREIGN, RED_WEB1), (RED_FOREIGN, RED_WEB2)):
            with self.subTest(destination=destination.address):
                inner = source.udp_to(destination)
                self.forwards(5, from_tunnel(9, RED_WEB.vni, inner), (destination.port, delivered(destination, inner)))


class HostReachesForeignWorkload(LeafTest):
    """A local host reaches a workload behind a foreign VTEP by ordinary VXLAN, bridged in its subnet."""

    policies = _policies()

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB1, RED_FOREIGN)):
            with self.subTest(destination=destination.address):
                inner = source.udp_to(destination)
                self.forwards(1, inner, out_of_tunnel(9, RED_WEB, inner))


class ForeignSourcesAreGuarded(LeafTest):
    """A foreign VTEP may send only with the MACs and addresses of its own workloads, in their subnet (spoof)."""

    def runTest(self) -> None:
        for source, target, other in by_family((RED_FOREIGN, RED_WEB1, RED_WEB2)):
            layer = packets.udp(source.address, target.address)
            if packets.is_v6(source.address):
                question = discovery.solicitation(source.mac, other.address, target.address)
            else:
                question = packets.arp_request(source.mac, other.address, target.address)
            forged = source.to(target, packets.udp(other.address, target.address))
            inner = {
                "MAC of a local host": (RED_WEB.vni, packets.frame(other.mac, target.mac, layer)),
                "unknown MAC": (RED_WEB.vni, packets.frame("02:00:00:00:01:66", target.mac, layer)),
                "address of a local host": (RED_WEB.vni, forged),
                "another subnet's VNI": (RED_DB.vni, source.to(RED_DB1, layer)),
                "another VPC's VNI": (BLUE_WEB.vni, source.to(target, layer)),
                "forged sender of a question": (RED_WEB.vni, question),
            }
            for name, (vni, frame) in inner.items():
                with self.subTest(name, source=source.address):
                    self.drops_with("spoof", 5, from_tunnel(9, vni, frame))


class ForeignQuestionsAreGuarded(LeafTest):
    """A question of a foreign workload that names another MAC than its own, by any octet, is dropped with spoof."""

    def runTest(self) -> None:
        mac, address, target = RED_FOREIGN.mac, RED_FOREIGN.v6.address, RED_WEB1.v6.address
        for forged in (f"06{mac[2:]}", f"{mac[:-2]}67"):
            with self.subTest("ARP", forged=forged):
                question = packets.arp_request(mac, RED_FOREIGN.address, RED_WEB1.address)
                question[ARP].hwsrc = forged
                self.drops_with("spoof", 5, from_tunnel(9, RED_WEB.vni, question))
            with self.subTest("neighbour discovery", forged=forged):
                question = discovery.solicitation(mac, address, target, options=discovery.source_option(forged))
                self.drops_with("spoof", 5, from_tunnel(9, RED_WEB.vni, question))


class ForeignWorkloadsObeyPolicy(LeafTest):
    """Policy is applied here to what comes from a foreign VTEP, with the label of the guard's entry."""

    policies = (entries.policy("permit", src=WEB), entries.policy("permit", src=FOREIGN, dst=WEB, protocol=17))

    def runTest(self) -> None:
        for source, target, other in by_family((RED_FOREIGN, RED_WEB1, RED_DB1)):
            with self.subTest("allowed", source=source.address):
                allowed = source.udp_to(target)
                self.forwards(5, from_tunnel(9, RED_WEB.vni, allowed), (1, allowed))
            denied = {
                "protocol": source.to(target, packets.tcp(source.address, target.address)),
                "destination label": source.udp_by_gateway(other),
            }
            for name, inner in denied.items():
                with self.subTest(name, source=source.address):
                    self.drops_with("policy", 5, from_tunnel(9, RED_WEB.vni, inner))


class ForeignWorkloadUsesTheGateway(LeafTest):
    """A workload behind a foreign VTEP is routed to another subnet by the leaf it sends to."""

    def runTest(self) -> None:
        for source, target in by_family((RED_FOREIGN, RED_DB1)):
            with self.subTest(source=source.address):
                inner = source.udp_by_gateway(target)
                self.forwards(5, from_tunnel(9, RED_WEB.vni, inner), (3, routed_to(target, inner)))


class ForeignPeerMayHairpin(LeafTest):
    """From a foreign VTEP a packet may go on into another tunnel, bridged or routed."""

    def runTest(self) -> None:
        for source, neighbour, target in by_family((RED_FOREIGN, RED_WEB3, RED_DB3)):
            with self.subTest(source=source.address):
                inner = source.udp_to(neighbour)
                self.forwards(5, from_tunnel(9, RED_WEB.vni, inner), out_of_tunnel(2, RED_WEB, inner))
                inner = source.udp_by_gateway(target)
                routed = routed_to(target, inner)
                self.forwards(5, from_tunnel(9, RED_WEB.vni, inner), out_of_tunnel(3, RED_DB, routed))


class ArpFromForeignVtepIsAnswered(LeafTest):
    """An ARP request from a foreign workload is answered back into its tunnel, in the same VNI."""

    def runTest(self) -> None:
        for target, mac in (
            (RED_WEB.gateway, RED_WEB.gateway_mac),
            (RED_WEB1.address, RED_WEB1.mac),
            (RED_WEB3.address, RED_WEB3.mac),
        ):
            for length in (42, 60):
                with self.subTest(target=target, length=length):
                    request = Ether(_padded_request(RED_FOREIGN, target, length))
                    reply = packets.arp_reply(request, mac)
                    self.forwards(5, from_tunnel(9, RED_WEB.vni, request), out_of_tunnel(9, RED_WEB, reply))


class ArpFromForeignVtepForNobody(LeafTest):
    """An ARP request from a foreign workload for an unknown address is not answered, and a reply goes nowhere."""

    def runTest(self) -> None:
        for target in ("10.0.1.200", RED_DB1.address):
            with self.subTest(target=target):
                request = _padded_request(RED_FOREIGN, target, 42)
                self.drops_with("arp_unknown", 5, from_tunnel(9, RED_WEB.vni, request))
        with self.subTest("reply"):
            reply = packets.arp_reply(
                packets.arp_request(RED_WEB1.mac, RED_WEB1.address, RED_FOREIGN.address), RED_FOREIGN.mac
            )
            self.drops_with("arp_unknown", 5, from_tunnel(9, RED_WEB.vni, reply))


class ForeignSubnetsGatewayIsReal(LeafTest):
    """The reply to a foreign workload carries the target's MAC and the asker's addresses in the ARP fields."""

    def runTest(self) -> None:
        request = packets.arp_request(RED_FOREIGN.mac, RED_FOREIGN.address, RED_WEB.gateway)
        reply = packets.arp_reply(request, RED_WEB.gateway_mac)
        [raw] = self.forwards(5, from_tunnel(9, RED_WEB.vni, request), out_of_tunnel(9, RED_WEB, reply))
        fields = Ether(raw[packets.UNDERLAY_OVERHEAD :])[ARP]
        self.assertEqual(
            (2, RED_WEB.gateway_mac, RED_WEB.gateway, RED_FOREIGN.mac, RED_FOREIGN.address),
            (fields.op, fields.hwsrc, fields.psrc, fields.hwdst, fields.pdst),
        )


class ForeignProbeIsAnswered(LeafTest):
    """An ARP probe from a foreign workload's own MAC is answered into its tunnel; from another MAC it is spoof."""

    def runTest(self) -> None:
        probe = packets.arp_request(RED_FOREIGN.mac, "0.0.0.0", RED_WEB1.address)
        reply = packets.arp_reply(probe, RED_WEB1.mac)
        self.forwards(5, from_tunnel(9, RED_WEB.vni, probe), out_of_tunnel(9, RED_WEB, reply))
        forged = packets.arp_request(RED_WEB2.mac, "0.0.0.0", RED_WEB1.address)
        self.drops_with("spoof", 5, from_tunnel(9, RED_WEB.vni, forged))


def _padded_request(source: Host, target: str, length: int) -> bytes:
    return packets.padded(packets.arp_request(source.mac, source.address, target), length)
