# SPDX-License-Identifier: Apache-2.0
"""The VPC's logical router: between subnets, on one leaf and across the fabric."""

from scapy.layers.inet import IP, IPOption
from scapy.layers.l2 import Ether

from ptf_tests import entries, packets
from ptf_tests.leaf import (
    RED_DB,
    RED_DB1,
    RED_DB2,
    RED_DB3,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    VTEP,
    LeafTest,
    delivered,
    from_tunnel,
    host_entry,
    next_hop_of,
    out_of_tunnel,
    routed_to,
)
from ptf_tests.p4info import Action

_LOCAL_PAIRS = ((RED_WEB1, RED_DB1), (RED_WEB1, RED_DB2), (RED_WEB2, RED_DB1), (RED_DB1, RED_WEB2))


class RoutesOnOneLeaf(LeafTest):
    """A packet to the gateway's MAC leaves with gateway and host MAC, TTL less one, a right checksum, the right tag."""

    def runTest(self) -> None:
        for source, destination in _LOCAL_PAIRS:
            for build in (packets.udp, packets.tcp, packets.icmp):
                with self.subTest(source=source.address, destination=destination.address, kind=build.__name__):
                    frame = source.to(source.subnet.gateway_mac, build(source.address, destination.address))
                    expected = delivered(destination, routed_to(destination, frame))
                    self.forwards(source.port, frame, (destination.port, expected))


class RoutesIntoTunnel(LeafTest):
    """A packet routed to a remote host travels in the VNI of the host's subnet, with the inner MACs rewritten."""

    def runTest(self) -> None:
        for source in (RED_WEB1, RED_WEB2):
            with self.subTest(source=source.address):
                frame = source.udp_by_gateway(RED_DB3)
                self.forwards(source.port, frame, out_of_tunnel(3, RED_DB, routed_to(RED_DB3, frame)))


class RoutesPaddedFrames(LeafTest):
    """Routing keeps the padding of a short frame, and the tunnel's lengths count it."""

    def runTest(self) -> None:
        frame = Ether(packets.padded(RED_WEB1.udp_by_gateway(RED_DB1, length=1)))
        self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))
        frame = Ether(packets.padded(RED_WEB1.udp_by_gateway(RED_DB3, length=1)))
        self.forwards(1, frame, out_of_tunnel(3, RED_DB, routed_to(RED_DB3, frame)))


class TtlGoesDownByOne(LeafTest):
    """Any TTL from 2 on goes down by exactly one, and nothing else of the header changes but its checksum."""

    def runTest(self) -> None:
        for ttl in (2, 3, 64, 128, 255):
            with self.subTest(ttl=ttl):
                frame = RED_WEB1.udp_by_gateway(RED_DB1, ttl=ttl)
                [raw] = self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))
                self.assertEqual(ttl - 1, Ether(raw)[IP].ttl)


class ChecksumIsRightAtItsEdges(LeafTest):
    """The routed header's checksum is right also where its one's complement sum carries over or comes out as 0."""

    def runTest(self) -> None:
        found = {}
        header = bytearray(bytes(packets.udp(RED_WEB1.address, RED_DB1.address))[:20])
        for number in range(1 << 16):
            header[4:6] = number.to_bytes(2, "big")
            found[_checksum(header)] = number
        for checksum in (0x0000, 0x0001, 0x00FF, 0xFDFF, 0xFEFE, 0xFEFF, 0xFF00, 0xFF01, 0xFFFE):
            with self.subTest(checksum=hex(checksum)):
                layer = packets.udp(RED_WEB1.address, RED_DB1.address)
                layer.id = found[checksum]
                frame = RED_WEB1.to(RED_WEB.gateway_mac, layer)
                self.assertEqual(checksum, Ether(bytes(frame))[IP].chksum)
                self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))


class OptionsAreCarried(LeafTest):
    """A packet with IPv4 options is routed with its options unchanged and a right checksum."""

    def runTest(self) -> None:
        for options in ([IPOption(b"\x94\x04\x00\x00")], [IPOption(b"\x01")] * 40):
            with self.subTest(octets=len(options)):
                layer = packets.udp(RED_WEB1.address, RED_DB1.address)
                layer.options = options
                frame = RED_WEB1.to(RED_WEB.gateway_mac, layer)
                self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))


class ExpiredTtlIsDropped(LeafTest):
    """A packet with TTL 1 or 0 that needs routing is dropped with ttl, for local and remote destinations."""

    def runTest(self) -> None:
        for ttl in (1, 0):
            for destination in (RED_DB1, RED_DB3):
                with self.subTest(ttl=ttl, destination=destination.address):
                    self.drops_with("ttl", 1, RED_WEB1.udp_by_gateway(destination, ttl=ttl))


class NoRouteIsDropped(LeafTest):
    """A destination that the VPC has neither as a host nor in a route is dropped with no_route."""

    def runTest(self) -> None:
        for address in ("10.0.2.200", "192.0.2.1", VTEP):
            with self.subTest(address=address):
                layer = packets.udp(RED_WEB1.address, address)
                self.drops_with("no_route", 1, RED_WEB1.to(RED_WEB.gateway_mac, layer))


class DropRouteIsDropped(LeafTest):
    """A prefix with drop_route is dropped with no_route, although a shorter prefix leads somewhere."""

    def runTest(self) -> None:
        self.install(
            [
                entries.route(1, "172.16.0.0/12", next_hop_of(RED_DB1)),
                entries.route(1, "172.16.5.0/24", Action("drop_route")),
            ]
        )
        layer = packets.udp(RED_WEB1.address, "172.16.5.1")
        self.drops_with("no_route", 1, RED_WEB1.to(RED_WEB.gateway_mac, layer))


class LongestPrefixWins(LeafTest):
    """Of several routes that cover the destination, the longest prefix decides, down to the default route."""

    def runTest(self) -> None:
        hops = {"0.0.0.0/0": RED_DB1, "172.16.0.0/12": RED_DB2, "172.16.5.0/24": RED_DB3, "172.16.5.9/32": RED_WEB3}
        self.install(entries.route(1, prefix, next_hop_of(hop)) for prefix, hop in hops.items())
        for address, hop in (
            ("8.8.8.8", RED_DB1),
            ("172.31.255.255", RED_DB2),
            ("172.32.0.0", RED_DB1),
            ("172.16.5.8", RED_DB3),
            ("172.16.5.9", RED_WEB3),
        ):
            with self.subTest(address=address):
                frame = RED_WEB1.to(RED_WEB.gateway_mac, packets.udp(RED_WEB1.address, address))
                inner = routed_to(hop, frame)
                if hop.port:
                    self.forwards(1, frame, (hop.port, delivered(hop, inner)))
                else:
                    self.forwards(1, frame, out_of_tunnel(hop.tunnel, hop.subnet, inner))


class RemovedRouteFallsBack(LeafTest):
    """When a route is removed, the next shorter prefix takes over."""

    def runTest(self) -> None:
        short = entries.route(1, "172.16.0.0/12", next_hop_of(RED_DB1))
        long = entries.route(1, "172.16.5.0/24", next_hop_of(RED_DB2))
        self.install([short, long])
        frame = RED_WEB1.to(RED_WEB.gateway_mac, packets.udp(RED_WEB1.address, "172.16.5.1"))
        self.forwards(1, frame, (2, delivered(RED_DB2, routed_to(RED_DB2, frame))))
        self.remove([long])
        self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))
        self.remove([short])
        self.drops_with("no_route", 1, frame)


class HostsComeBeforeRoutes(LeafTest):
    """A host's own entry is preferred to any route, even to one of 32 bits."""

    def runTest(self) -> None:
        self.install([entries.route(1, f"{RED_DB1.address}/32", next_hop_of(RED_DB2))])
        frame = RED_WEB1.udp_by_gateway(RED_DB1)
        self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))
        with self.subTest("the route serves when the host is gone"):
            self.remove([host_entry(RED_DB1)])
            self.forwards(1, frame, (2, delivered(RED_DB2, routed_to(RED_DB2, frame))))


class RoutesBetweenVlansOfOnePort(LeafTest):
    """Two attachments on one trunk port reach each other through the gateway, each with its own tag."""

    def runTest(self) -> None:
        frame = RED_WEB2.udp_by_gateway(RED_DB2)
        self.forwards(2, frame, (2, delivered(RED_DB2, routed_to(RED_DB2, frame))))


class RoutesAfterDecapsulation(LeafTest):
    """An inner frame to the gateway's MAC is routed where it comes out of the tunnel."""

    def runTest(self) -> None:
        inner = RED_WEB3.udp_by_gateway(RED_DB1)
        self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), (3, routed_to(RED_DB1, inner)))


class NothingElseReachesTheGateway(LeafTest):
    """IPv4 addressed to the gateway itself is not served yet: to_gateway."""

    def runTest(self) -> None:
        for build in (packets.icmp, packets.udp):
            for gateway in (RED_WEB.gateway, RED_DB.gateway):
                with self.subTest(kind=build.__name__, gateway=gateway):
                    layer = build(RED_WEB1.address, gateway)
                    reason = "to_gateway" if gateway == RED_WEB.gateway else "no_route"
                    self.drops_with(reason, 1, RED_WEB1.to(RED_WEB.gateway_mac, layer))


class MovedHostIsFollowed(LeafTest):
    """After a host's entry is changed, the next packet goes to its new place."""

    def runTest(self) -> None:
        frame = RED_WEB1.udp_by_gateway(RED_DB1)
        self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))
        new = entries.host(
            1,
            RED_DB1.address,
            entries.to_remote_host(tunnel=2, domain=RED_DB.domain, mac=RED_DB1.mac, label=RED_DB1.label),
        )
        self.replace(host_entry(RED_DB1), new)
        self.forwards(1, frame, out_of_tunnel(2, RED_DB, routed_to(RED_DB1, frame)))


def _checksum(header: bytearray) -> int:
    """The IPv4 header checksum (RFC 1071) of a header whose checksum field is 0 or absent."""
    total = sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, 20, 2) if at != 10)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
