# SPDX-License-Identifier: Apache-2.0
"""The VPC's logical router: between subnets, on one leaf and across the fabric."""

from scapy.layers.inet import IP, IPOption
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from ptf_tests import entries, packets
from ptf_tests.base import Expected
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
    by_family,
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
        for source, destination in by_family(*_LOCAL_PAIRS):
            for build in (packets.udp, packets.tcp, packets.icmp):
                with self.subTest(source=source.address, destination=destination.address, kind=build.__name__):
                    frame = source.to(source.subnet.gateway_mac, build(source.address, destination.address))
                    expected = delivered(destination, routed_to(destination, frame))
                    self.forwards(source.port, frame, (destination.port, expected))


class RoutesIntoTunnel(LeafTest):
    """A packet routed to a remote host travels in the VNI of the host's subnet, with the inner MACs rewritten."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB1, RED_DB3), (RED_WEB2, RED_DB3)):
            with self.subTest(source=source.address):
                frame = source.udp_by_gateway(destination)
                self.forwards(source.port, frame, out_of_tunnel(3, RED_DB, routed_to(destination, frame)))


class RoutesPaddedFrames(LeafTest):
    """Routing keeps the padding of a short frame, and the tunnel's lengths count it."""

    def runTest(self) -> None:
        for source, here, remote in by_family((RED_WEB1, RED_DB1, RED_DB3)):
            with self.subTest(source=source.address):
                frame = Ether(packets.padded(source.udp_by_gateway(here, length=1), 80))
                self.forwards(1, frame, (3, routed_to(here, frame)))
                frame = Ether(packets.padded(source.udp_by_gateway(remote, length=1), 80))
                self.forwards(1, frame, out_of_tunnel(3, RED_DB, routed_to(remote, frame)))


class TtlGoesDownByOne(LeafTest):
    """TTL or hop limit, from 2 on, goes down by exactly one, and no other field changes but the IPv4 checksum."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB1, RED_DB1)):
            for ttl in (2, 3, 64, 128, 255):
                with self.subTest(source=source.address, ttl=ttl):
                    frame = source.udp_by_gateway(destination, ttl=ttl)
                    [raw] = self.forwards(1, frame, (3, routed_to(destination, frame)))
                    header = Ether(raw).payload
                    self.assertEqual(ttl - 1, header.hlim if IPv6 in header else header.ttl)


class FlowLabelIsNeverAltered(LeafTest):
    """Flow label and traffic class of an IPv6 packet stay when it is bridged, routed, encapsulated and decapsulated."""

    def runTest(self) -> None:
        for label, traffic_class in ((0, 0), (1, 0xB8), (0xFFFFF, 0xFC), (0x80000, 0x02)):
            with self.subTest(label=hex(label), traffic_class=hex(traffic_class)):
                layer = packets.udp(RED_WEB1.v6.address, RED_DB1.v6.address)
                layer.fl, layer.tc = label, traffic_class
                frame = RED_WEB1.to(RED_WEB2, layer)
                self._stays(1, frame, (2, delivered(RED_WEB2, frame)), label, traffic_class)
                frame = RED_WEB1.to(RED_WEB.gateway_mac, layer)
                self._stays(1, frame, (3, routed_to(RED_DB1, frame)), label, traffic_class)
                frame = RED_WEB1.to(RED_WEB3, layer)
                self._stays(1, frame, out_of_tunnel(2, RED_WEB, frame), label, traffic_class)
                inner = RED_WEB3.to(RED_WEB.gateway_mac, layer)
                outer = from_tunnel(2, RED_WEB.vni, inner)
                self._stays(5, outer, (3, routed_to(RED_DB1, inner)), label, traffic_class)

    def _stays(self, port: int, frame: Packet, expected: tuple[int, Expected], label: int, traffic_class: int) -> None:
        [raw] = self.forwards(port, frame, expected)
        header = Ether(raw)[IPv6]
        self.assertEqual((label, traffic_class), (header.fl, header.tc))


class ExtensionHeadersAreCarried(LeafTest):
    """An IPv6 packet with an extension header, of any kind and with any next header, is routed unchanged."""

    def runTest(self) -> None:
        layer = packets.udp(RED_WEB1.v6.address, RED_DB1.v6.address)
        for kind in (0, 43, 60, 135, 59, 253):
            with self.subTest(kind=kind):
                frame = RED_WEB1.to(RED_WEB.gateway_mac, packets.with_extension(layer, kind))
                self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))
        for offset, is_last in ((0, False), (0, True), (1, False), (1, True), (8191, True)):
            with self.subTest(offset=offset, is_last=is_last):
                fragment = packets.fragment(layer, offset=offset, is_last=is_last)
                frame = RED_WEB1.to(RED_WEB.gateway_mac, fragment)
                self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))


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
    """A packet with TTL or hop limit 1 or 0 that needs routing is dropped with ttl, here or across a tunnel."""

    def runTest(self) -> None:
        for ttl in (1, 0):
            for source, destination in by_family((RED_WEB1, RED_DB1), (RED_WEB1, RED_DB3)):
                with self.subTest(ttl=ttl, destination=destination.address):
                    self.drops_with("ttl", 1, source.udp_by_gateway(destination, ttl=ttl))
            for source, destination in by_family((RED_WEB3, RED_DB1)):
                with self.subTest("out of a tunnel", ttl=ttl, destination=destination.address):
                    inner = source.udp_by_gateway(destination, ttl=ttl)
                    self.drops_with("ttl", 5, from_tunnel(2, RED_WEB.vni, inner))


class NoRouteIsDropped(LeafTest):
    """A destination that the VPC has neither as a host nor in a route is dropped with no_route."""

    def runTest(self) -> None:
        for source, addresses in (
            (RED_WEB1, ("10.0.2.200", "192.0.2.1", VTEP)),
            (RED_WEB1.v6, ("2001:db8:2::200", "2001:db8:ffff::1", "::ffff:10.0.2.11", "2001:db8:2:0:8000::11")),
        ):
            for address in addresses:
                with self.subTest(address=address):
                    layer = packets.udp(source.address, address)
                    self.drops_with("no_route", 1, source.to(RED_WEB.gateway_mac, layer))


class DropRouteIsDropped(LeafTest):
    """A prefix with drop_route is dropped with no_route, although a shorter prefix leads somewhere."""

    def runTest(self) -> None:
        self.install(
            [
                entries.route(1, "172.16.0.0/12", next_hop_of(RED_DB1)),
                entries.route(1, "172.16.5.0/24", Action("drop_route")),
                entries.route(1, "2001:db8::/32", next_hop_of(RED_DB1)),
                entries.route(1, "2001:db8:5::/48", Action("drop_route")),
            ]
        )
        for source, address in ((RED_WEB1, "172.16.5.1"), (RED_WEB1.v6, "2001:db8:5::1")):
            with self.subTest(address=address):
                layer = packets.udp(source.address, address)
                self.drops_with("no_route", 1, source.to(RED_WEB.gateway_mac, layer))


class LongestPrefixWins(LeafTest):
    """Of several routes that cover the destination, the longest prefix decides, down to the default route."""

    def runTest(self) -> None:
        hops = {
            "0.0.0.0/0": RED_DB1,
            "172.16.0.0/12": RED_DB2,
            "172.16.5.0/24": RED_DB3,
            "172.16.5.9/32": RED_WEB3,
            "::/0": RED_DB1,
            "2001:db8:f000::/36": RED_DB2,
            "2001:db8:f005::/64": RED_DB3,
            "2001:db8:f005::9/128": RED_WEB3,
        }
        self.install(entries.route(1, prefix, next_hop_of(hop)) for prefix, hop in hops.items())
        for source, address, hop in (
            (RED_WEB1, "8.8.8.8", RED_DB1),
            (RED_WEB1, "172.31.255.255", RED_DB2),
            (RED_WEB1, "172.32.0.0", RED_DB1),
            (RED_WEB1, "172.16.5.8", RED_DB3),
            (RED_WEB1, "172.16.5.9", RED_WEB3),
            (RED_WEB1.v6, "2606:4700::1", RED_DB1),
            (RED_WEB1.v6, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", RED_DB2),
            (RED_WEB1.v6, "2001:db9::", RED_DB1),
            (RED_WEB1.v6, "2001:db8:f005::8", RED_DB3),
            (RED_WEB1.v6, "2001:db8:f005:1::9", RED_DB2),
            (RED_WEB1.v6, "2001:db8:f005::9", RED_WEB3),
        ):
            with self.subTest(address=address):
                frame = RED_WEB1.to(RED_WEB.gateway_mac, packets.udp(source.address, address))
                inner = routed_to(hop, frame)
                if hop.port:
                    self.forwards(1, frame, (hop.port, delivered(hop, inner)))
                else:
                    self.forwards(1, frame, out_of_tunnel(hop.tunnel, hop.subnet, inner))


class RemovedRouteFallsBack(LeafTest):
    """When a route is removed, the next shorter prefix takes over."""

    def runTest(self) -> None:
        for source, address, prefixes in (
            (RED_WEB1, "172.16.5.1", ("172.16.0.0/12", "172.16.5.0/24")),
            (RED_WEB1.v6, "2001:db8:f005::1", ("2001:db8:f000::/36", "2001:db8:f005::/64")),
        ):
            with self.subTest(address=address):
                short, long = (
                    entries.route(1, prefix, next_hop_of(hop))
                    for prefix, hop in zip(prefixes, (RED_DB1, RED_DB2), strict=True)
                )
                self.install([short, long])
                frame = source.to(RED_WEB.gateway_mac, packets.udp(source.address, address))
                self.forwards(1, frame, (2, delivered(RED_DB2, routed_to(RED_DB2, frame))))
                self.remove([long])
                self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))
                self.remove([short])
                self.drops_with("no_route", 1, frame)


class HostsComeBeforeRoutes(LeafTest):
    """A host's own entry is preferred to any route, even to one of all its bits."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB1, RED_DB1)):
            bits = 128 if packets.is_v6(destination.address) else 32
            self.install([entries.route(1, f"{destination.address}/{bits}", next_hop_of(RED_DB2))])
            frame = source.udp_by_gateway(destination)
            with self.subTest(destination=destination.address):
                self.forwards(1, frame, (3, routed_to(destination, frame)))
            with self.subTest("the route serves when the host is gone", destination=destination.address):
                self.remove([host_entry(destination)])
                self.forwards(1, frame, (2, delivered(RED_DB2, routed_to(RED_DB2, frame))))


class DropRoutesHideNoHost(LeafTest):
    """A host's own entry is preferred to a drop_route that covers it, so that a subnet's prefix may be closed."""

    def runTest(self) -> None:
        prefixes = ("10.0.2.0/24", "2001:db8:2::/64")
        self.install(entries.route(1, prefix, Action("drop_route")) for prefix in prefixes)
        for source, destination in by_family((RED_WEB1, RED_DB1)):
            with self.subTest(destination=destination.address):
                frame = source.udp_by_gateway(destination)
                self.forwards(1, frame, (3, routed_to(destination, frame)))


class RoutesBetweenVlansOfOnePort(LeafTest):
    """Two attachments on one trunk port reach each other through the gateway, each with its own tag."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB2, RED_DB2)):
            with self.subTest(source=source.address):
                frame = source.udp_by_gateway(destination)
                self.forwards(2, frame, (2, delivered(destination, routed_to(destination, frame))))


class RoutesAfterDecapsulation(LeafTest):
    """An inner frame to the gateway's MAC is routed where it comes out of the tunnel."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB3, RED_DB1), (RED_WEB3, RED_DB2)):
            with self.subTest(source=source.address, destination=destination.address):
                inner = source.udp_by_gateway(destination)
                expected = delivered(destination, routed_to(destination, inner))
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), (destination.port, expected))


class NothingElseReachesTheGateway(LeafTest):
    """Whatever is addressed to the gateway itself, by any of its addresses, is left to the controller: to_gateway."""

    def runTest(self) -> None:
        for build in (packets.icmp, packets.udp):
            for source, gateway, reason in (
                (RED_WEB1.address, RED_WEB.gateway, "to_gateway"),
                (RED_WEB1.address, RED_DB.gateway, "no_route"),
                (RED_WEB1.v6.address, RED_WEB.gateway_v6, "to_gateway"),
                (RED_WEB1.v6.address, RED_DB.gateway_v6, "no_route"),
                (RED_WEB1.link_local, packets.link_local(RED_WEB.gateway_mac), "to_gateway"),
            ):
                with self.subTest(kind=build.__name__, gateway=gateway):
                    self.drops_with(reason, 1, RED_WEB1.to(RED_WEB.gateway_mac, build(source, gateway)))


class LinkLocalIsNeverRouted(LeafTest):
    """A packet to the gateway's MAC from or to 169.254/16 or fe80::/10 is link_local, whatever the routes say."""

    def runTest(self) -> None:
        sources = {"169.254.7.7": RED_DB1.address, "169.254.255.255": RED_DB1.address}
        sources |= dict.fromkeys((RED_WEB1.link_local, "fe80::1", "febf::1"), RED_DB1.v6.address)
        for source, destination in sources.items():
            permitted = entries.guard(RED_WEB1.index, RED_WEB.domain, RED_WEB1.mac, source)
            if source != RED_WEB1.link_local:
                self.install([permitted])
            with self.subTest(source=source):
                layer = packets.udp(source, destination)
                self.drops_with("link_local", 1, RED_WEB1.to(RED_WEB.gateway_mac, layer))
        self.install(entries.route(1, prefix, next_hop_of(RED_DB1)) for prefix in ("0.0.0.0/0", "::/0"))
        for address in ("169.254.0.0", "169.254.169.254", "fe80::1", RED_DB1.link_local, "febf:ffff::1"):
            source = RED_WEB1.v6.address if packets.is_v6(address) else RED_WEB1.address
            with self.subTest(destination=address):
                self.drops_with("link_local", 1, RED_WEB1.to(RED_WEB.gateway_mac, packets.udp(source, address)))
            with self.subTest("out of a tunnel", destination=address):
                inner = RED_WEB3.to(RED_WEB.gateway_mac, packets.udp(source, address))
                self.drops_with("link_local", 5, from_tunnel(2, RED_WEB.vni, inner))
        for address in ("169.253.255.255", "169.255.0.0", "fe7f::1", "fec0::1"):
            source = RED_WEB1.v6.address if packets.is_v6(address) else RED_WEB1.address
            with self.subTest("just outside", destination=address):
                frame = RED_WEB1.to(RED_WEB.gateway_mac, packets.udp(source, address))
                self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))


class MovedHostIsFollowed(LeafTest):
    """After a host's entry is changed, the next packet goes to its new place."""

    def runTest(self) -> None:
        for source, host in by_family((RED_WEB1, RED_DB1)):
            with self.subTest(host=host.address):
                frame = source.udp_by_gateway(host)
                self.forwards(1, frame, (3, routed_to(host, frame)))
                place = entries.to_remote_host(tunnel=2, domain=RED_DB.domain, mac=host.mac, label=host.label)
                self.replace(host_entry(host), entries.host(1, host.address, place))
                self.forwards(1, frame, out_of_tunnel(2, RED_DB, routed_to(host, frame)))


def _checksum(header: bytearray) -> int:
    """The IPv4 header checksum (RFC 1071) of a header whose checksum field is 0 or absent."""
    total = sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, 20, 2) if at != 10)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
