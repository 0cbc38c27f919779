# SPDX-License-Identifier: Apache-2.0
"""Dropped frames that the controller is shown: what it answers (ICMP errors, echo) or learns, and the tenant's MTU."""

from collections.abc import Iterable

from scapy.layers.l2 import Ether
from scapy.packet import Packet

from ptf_tests import discovery, entries, packets
from ptf_tests.base import DROP_REASONS, WAIT_S, Frame
from ptf_tests.leaf import (
    RED_DB1,
    RED_DB3,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    Host,
    by_family,
    delivered,
    routed_to,
    without_tag,
)
from ptf_tests.p4info import Entry
from ptf_tests.tunnels import OVER_V6, TunnelTest

_MTUS = (1280, 1500, 9000)


class _PuntTest(TunnelTest):
    def punt(self, *reasons: str) -> None:
        """The controller shall see what is dropped for these reasons."""
        for reason in reasons:
            self.overwrite(entries.drop_reason(DROP_REASONS[reason], "punt_drop"))

    def is_shown(self, reason: str, port: int, frame: Frame) -> None:
        """The frame is counted as dropped, and comes to the controller as it is, with port and reason."""
        self.drops_with(reason, port, frame)
        packet = self.client.packet_in(WAIT_S)
        if packet is None:
            self.fail("no packet-in came")
        self.assertEqual(bytes(frame).hex(), packet.payload.hex())
        self.assertEqual((port, DROP_REASONS[reason]), (packet.metadata["ingress_port"], packet.metadata["reason"]))
        self.assertIsNone(self.client.packet_in(0.02))

    def from_everywhere(self, build: "Iterable[tuple[Host, Packet]]") -> Iterable[tuple[str, int, Frame]]:
        """Frames with the port that they come in by, those of a remote host inside its tunnel: (title, port, frame)."""
        for source, frame in build:
            title = f"{source.address} on {source.port or 'a tunnel'}"
            if source.port:
                yield title, source.port, frame
            else:
                yield title, 5, self.arrives(source.tunnel, source.subnet, frame)


def _sources() -> Iterable[Host]:
    """An untagged attachment, a tagged one, and a workload behind a foreign VTEP, by both families."""
    for (source,) in by_family((RED_WEB1,), (RED_WEB2,), (RED_FOREIGN,)):
        yield source


def _of_family(host: Host, other: Host) -> Host:
    return host.v6 if packets.is_v6(other.address) else host


class ExpiredPacketsAreShown(_PuntTest):
    """A packet whose TTL or hop limit ends here is counted as ttl, and shown as it came: tagged, or inside VXLAN."""

    def runTest(self) -> None:
        self.punt("ttl")
        for ttl in (0, 1):
            frames = [(source, source.udp_by_gateway(_of_family(RED_DB1, source), ttl=ttl)) for source in _sources()]
            frames += [(host, host.udp_by_gateway(db1, ttl=ttl)) for host, db1 in by_family((RED_WEB3, RED_DB1))]
            for title, port, frame in self.from_everywhere(frames):
                with self.subTest(title, ttl=ttl):
                    self.is_shown("ttl", port, frame)


class EchoToTheGatewayIsShown(_PuntTest):
    """An echo request to a gateway of the own subnet, IPv4, IPv6 or link-local, is counted as to_gateway and shown."""

    def runTest(self) -> None:
        self.punt("to_gateway")
        frames = [
            (source, source.to(RED_WEB.gateway_mac, packets.icmp(source.address, source.gateway)))
            for source in _sources()
        ]
        link_local = packets.link_local(RED_WEB.gateway_mac)
        frames.append((RED_WEB1, RED_WEB1.to(RED_WEB.gateway_mac, packets.icmp(RED_WEB1.link_local, link_local))))
        frames.append((RED_WEB1, RED_WEB1.to(RED_WEB.gateway_mac, packets.tcp(RED_WEB1.address, RED_WEB.gateway))))
        for title, port, frame in self.from_everywhere(frames):
            with self.subTest(title, layer=frame.summary() if isinstance(frame, Packet) else ""):
                self.is_shown("to_gateway", port, frame)


class AnnouncementsAreShown(_PuntTest):
    """Gratuitous ARP and neighbour advertisements are counted as learn, and shown with the port that they came by."""

    def runTest(self) -> None:
        self.punt("learn")
        frames = []
        for source in (RED_WEB1, RED_WEB2, RED_FOREIGN):
            vlan = source.vlan or None
            frames.append((source, packets.arp_request(source.mac, source.address, source.address, vlan=vlan)))
            advertised = discovery.announcement(source.mac, source.address_v6, source.address_v6, vlan=source.vlan)
            frames.append((source, advertised))
        for title, port, frame in self.from_everywhere(frames):
            with self.subTest(title):
                self.is_shown("learn", port, frame)


class OtherDropsMayBeShown(_PuntTest):
    """Any reason for which ingress drops may be shown, and one that is shown does not make another so."""

    def runTest(self) -> None:
        unicast = packets.udp(RED_WEB1.address, RED_WEB2.address)
        vpc = packets.udp(RED_WEB1.address, "192.0.2.1")
        self.install([entries.policy("deny", protocol=packets.TCP_PROTOCOL, priority=9)])
        frames: dict[str, Frame] = {
            "spoof": packets.frame(RED_DB1.mac, RED_WEB2.mac, unicast),
            "no_route": RED_WEB1.to(RED_WEB.gateway_mac, vpc),
            "unknown_destination": RED_WEB1.to(RED_DB1.mac, unicast),
            "policy": RED_WEB1.to(RED_WEB2, packets.tcp(RED_WEB1.address, RED_WEB2.address)),
            "broadcast": RED_WEB1.to(packets.BROADCAST, unicast),
            "arp_unknown": packets.arp_request(RED_WEB1.mac, RED_WEB1.address, "10.0.1.77"),
            "unknown_port": RED_WEB2.udp_to(RED_WEB1),
            "ether_type": Ether(src=RED_WEB1.mac, dst=RED_WEB2.mac, type=0x88B5) / packets.payload(60),
            "malformed": bytes(RED_WEB1.udp_to(RED_WEB2))[:25],
        }
        for shown in frames:
            self.punt(shown)
            for reason, frame in frames.items():
                with self.subTest(shown=shown, reason=reason):
                    if reason == shown:
                        self.is_shown(reason, 1, frame)
                    else:
                        self.drops_with(reason, 1, frame)
            self.assertIsNone(self.client.packet_in(0.02))
            self.overwrite(entries.drop_reason(DROP_REASONS[shown], "count_drop"))


class CountedDropsAreNotShown(_PuntTest):
    """With count_drop nothing of all this comes to the controller."""

    def runTest(self) -> None:
        gateway = packets.icmp(RED_WEB1.address, RED_WEB.gateway)
        self.drops_with("ttl", 1, RED_WEB1.udp_by_gateway(RED_DB1, ttl=1))
        self.drops_with("to_gateway", 1, RED_WEB1.to(RED_WEB.gateway_mac, gateway))
        self.drops_with("learn", 1, packets.arp_request(RED_WEB1.mac, RED_WEB1.address, RED_WEB1.address))
        self.assertIsNone(self.client.packet_in(0.05))


class FramesAreShownAsTheyCame(_PuntTest):
    """Padding, marks, options, fragments, and an IPv6 underlay around it: not a byte of a shown frame has changed."""

    underlay = OVER_V6

    def runTest(self) -> None:
        self.punt("ttl")
        ends = (RED_WEB1.address, RED_DB1.address)
        marked = packets.udp(*ends, ttl=1)
        marked.tos = 0xBA
        frames: dict[str, tuple[int, Frame]] = {
            "padded": (1, packets.padded(RED_WEB1.udp_by_gateway(RED_DB1, ttl=1, length=1), 100)),
            "padded and tagged": (2, packets.padded(RED_WEB2.udp_by_gateway(RED_DB1, ttl=1, length=1), 100)),
            "marked": (1, RED_WEB1.to(RED_WEB.gateway_mac, marked)),
            "fragment": (1, RED_WEB1.to(RED_WEB.gateway_mac, packets.fragment(packets.udp(*ends, ttl=1), offset=9))),
            "long": (1, RED_WEB1.udp_by_gateway(RED_DB1, ttl=1, length=1472)),
            "inside VXLAN over IPv6": (
                5,
                self.arrives(9, RED_WEB, RED_FOREIGN.udp_by_gateway(RED_DB1, ttl=1), tos=0x03, flags=0x88, group=7),
            ),
        }
        for name, (port, frame) in frames.items():
            with self.subTest(name):
                self.is_shown("ttl", port, frame)


def _exactly(source: Host, destination: Host, octets: int) -> Packet:
    """A datagram whose IP packet has so many bytes."""
    return packets.udp(
        source.address, destination.address, length=octets - (48 if packets.is_v6(source.address) else 28)
    )


def _with_mtu(host: Host, mtu: int) -> Entry:
    """The attachment of a host, or the VNI of a remote one, with this MTU."""
    subnet = host.subnet
    if host.port:
        return entries.access_port(
            host.port, host.vlan, index=host.index, domain=subnet.domain, vrf=subnet.vrf, label=host.label, mtu=mtu
        )
    return entries.vni(subnet.vni, domain=subnet.domain, vrf=subnet.vrf, mtu=mtu)


class LongPacketsAreShown(_PuntTest):
    """An IP packet of MTU - 1 or MTU bytes passes, bridged and routed; one of MTU + 1 is too_big, and is shown."""

    def runTest(self) -> None:
        self.punt("too_big")
        for mtu in _MTUS:
            for source in _sources():
                self.overwrite(_with_mtu(source, mtu))
                for octets in (mtu - 1, mtu, mtu + 1):
                    with self.subTest(source=source, mtu=mtu, octets=octets):
                        self._check(source, octets, is_too_big=octets > mtu)

    def _check(self, source: Host, octets: int, *, is_too_big: bool) -> None:
        port = source.port or 5
        for destination in (RED_WEB3, RED_DB1, RED_DB3):
            target = _of_family(destination, source)
            is_routed = target.subnet != RED_WEB
            frame = source.to(RED_WEB.gateway_mac if is_routed else target, _exactly(source, target, octets))
            sent = frame if source.port else self.arrives(9, RED_WEB, frame)
            if is_too_big:
                self.is_shown("too_big", port, sent)
                continue
            inner = routed_to(target, frame) if is_routed else without_tag(frame)
            way = (3, inner) if target.port else self.sends(target.tunnel, target.subnet, inner)
            self.forwards(port, sent, way)


class EachAttachmentHasItsMtu(_PuntTest):
    """The MTU is that of the attachment that a packet comes in by, bridged on one leaf too; others keep theirs."""

    def runTest(self) -> None:
        self.overwrite(_with_mtu(RED_WEB1, 1300))
        for source, destination in by_family((RED_WEB1, RED_WEB2), (RED_WEB2, RED_WEB1)):
            frame = source.to(destination, _exactly(source, destination, 1301))
            with self.subTest(source=source.address):
                if source.port == RED_WEB1.port:
                    self.drops_with("too_big", 1, frame)
                else:
                    self.forwards(2, frame, (1, delivered(destination, frame)))


class PaddingIsNotTooBig(_PuntTest):
    """Only the IP packet counts against the MTU, neither tag nor padding, and ARP does not count at all."""

    def runTest(self) -> None:
        for source in (RED_WEB1, RED_WEB2):
            self.overwrite(_with_mtu(source, 60))
            with self.subTest(source=source.address):
                frame = source.to(RED_WEB3, _exactly(source, RED_WEB3, 60))
                sent = Ether(packets.padded(frame, 120))
                self.forwards(source.port, sent, self.sends(2, RED_WEB, without_tag(sent)))
                request = packets.arp_request(source.mac, source.address, RED_WEB.gateway, vlan=source.vlan or None)
                request = Ether(packets.padded(request, 200))
                self.forwards(source.port, request, (source.port, packets.arp_reply(request, RED_WEB.gateway_mac)))


class TrustedPeersHaveCheckedTheMtu(_PuntTest):
    """What comes from a leaf of ours is not measured again: it was within the MTU where it entered."""

    def runTest(self) -> None:
        self.overwrite(entries.vni(RED_WEB.vni, domain=RED_WEB.domain, vrf=RED_WEB.vrf, mtu=1300))
        for source, destination in by_family((RED_WEB3, RED_WEB1)):
            with self.subTest(source=source.address):
                inner = source.to(destination, _exactly(source, destination, 1400))
                self.forwards(5, self.arrives(2, RED_WEB, inner), (1, inner))


class OtherReasonsComeBeforeTheMtu(_PuntTest):
    """A packet that is too long is dropped for what else is wrong with it: spoof, ttl, no_route, to_gateway."""

    def runTest(self) -> None:
        self.overwrite(_with_mtu(RED_WEB1, 1300))
        layer = packets.udp(RED_WEB1.address, RED_DB1.address, length=1400)
        self.drops_with("spoof", 1, packets.frame(RED_DB1.mac, RED_WEB.gateway_mac, layer))
        self.drops_with("ttl", 1, RED_WEB1.udp_by_gateway(RED_DB1, ttl=1, length=1400))
        layer.dst = "192.0.2.1"
        self.drops_with("no_route", 1, RED_WEB1.to(RED_WEB.gateway_mac, layer))
        layer.dst = RED_WEB.gateway
        self.drops_with("to_gateway", 1, RED_WEB1.to(RED_WEB.gateway_mac, layer))
        self.drops_with("too_big", 1, RED_WEB1.udp_by_gateway(RED_DB1, length=1400))
