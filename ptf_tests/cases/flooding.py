# SPDX-License-Identifier: Apache-2.0
"""Broadcast and multicast of a subnet that floods: replicated where it enters (RFC 7348, section 4.2)."""

from collections.abc import Iterable
from dataclasses import replace

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet

from ptf_tests import discovery, entries, packets
from ptf_tests.base import DROP_REASONS, WAIT_S, Expected
from ptf_tests.leaf import (
    BLUE_WEB,
    BLUE_WEB1,
    BLUE_WEB2,
    BLUE_WEB3,
    RED_DB1,
    RED_DB3,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    UPLINK,
    WEB,
    Host,
    attachment,
    delivered,
    without_tag,
)
from ptf_tests.p4info import MulticastGroup
from ptf_tests.tunnels import TunnelTest, with_tos

RED_WEB4 = Host(RED_WEB, "02:00:00:00:01:14", "10.0.1.14", WEB, port=8, vlan=300, index=8, address_v6="2001:db8:1::14")
LOCAL = (RED_WEB1, RED_WEB2, RED_WEB4)
TUNNELS = (2, 3, 9)
RED_GROUP, RED_LOCAL_GROUP, BLUE_GROUP, BLUE_LOCAL_GROUP = 1, 11, 20, 4095
MDNS_PORT = 5353


def _group(number: int, hosts: Iterable[Host], tunnels: Iterable[int] = ()) -> MulticastGroup:
    """The members of a subnet: attachments of this leaf, and other VTEPs."""
    local = [(host.port, host.index) for host in hosts]
    remote = [(UPLINK[tunnel], entries.FOREIGN_PORT_INDEX | tunnel) for tunnel in tunnels]
    return MulticastGroup(number, (*local, *remote))


def _to_group(source: Host, mac: str, group: str) -> Packet:
    """A datagram of multicast DNS to a group."""
    header = IPv6(src=source.address, dst=group) if packets.is_v6(group) else IP(src=source.address, dst=group)
    return source.to(mac, header / UDP(sport=MDNS_PORT, dport=MDNS_PORT) / packets.payload())


def _group_frames(source: Host) -> dict[str, Packet]:
    return {
        "broadcast": _to_group(source, packets.BROADCAST, "255.255.255.255"),
        "broadcast of the subnet": _to_group(source, packets.BROADCAST, "10.0.1.255"),
        "IPv4 multicast": _to_group(source, "01:00:5e:00:00:fb", "224.0.0.251"),
        "IPv6 multicast": _to_group(source.v6, "33:33:00:00:00:fb", "ff02::fb"),
    }


class _FloodTest(TunnelTest):
    """The web subnets of both VPCs flood; red's has a third attachment here, and remote members behind three VTEPs."""

    def setUp(self) -> None:
        super().setUp()
        self.install(attachment(RED_WEB4))
        self.install(
            [
                _group(RED_GROUP, LOCAL, TUNNELS),
                _group(RED_LOCAL_GROUP, LOCAL),
                _group(BLUE_GROUP, (BLUE_WEB1, BLUE_WEB2), (BLUE_WEB3.tunnel,)),
                _group(BLUE_LOCAL_GROUP, (BLUE_WEB1, BLUE_WEB2)),
                entries.flood(RED_WEB.domain, 0, RED_GROUP),
                entries.flood(RED_WEB.domain, 1, RED_LOCAL_GROUP),
                entries.flood(BLUE_WEB.domain, 0, BLUE_GROUP),
                entries.flood(BLUE_WEB.domain, 1, BLUE_LOCAL_GROUP),
            ]
        )

    def copies(
        self, frame: Packet, hosts: Iterable[Host] = (), tunnels: Iterable[int] = ()
    ) -> list[tuple[int, Expected]]:
        """Expected: the frame at each of these hosts with its own tag, and in each of these tunnels once."""
        local: list[tuple[int, Expected]] = [(host.port, delivered(host, frame)) for host in hosts]
        remote = [self.sends(tunnel, RED_WEB, without_tag(frame)) for tunnel in tunnels]
        return local + remote


class GroupFramesReachEveryMember(_FloodTest):
    """Broadcast and multicast reach each other attachment, with its tag, and each remote VTEP once, and nobody else."""

    def runTest(self) -> None:
        for source in LOCAL:
            for name, frame in _group_frames(source).items():
                with self.subTest(name, source=source.address):
                    others = [host for host in LOCAL if host != source]
                    self.forwards(source.port, frame, *self.copies(frame, others, TUNNELS))


class TheSenderGetsNoCopy(_FloodTest):
    """The copy for the sender's own attachment is left out, and counted nowhere: not as dropped, not as sent."""

    def runTest(self) -> None:
        frame = _group_frames(RED_WEB1)["broadcast"]
        for number in (1, 2):
            self.forwards(1, frame, *self.copies(frame, (RED_WEB2, RED_WEB4), TUNNELS))
            self.assertEqual(0, self.counter("egress_ports", RED_WEB1.index).packets)
            self.assertEqual(number, self.counter("egress_ports", RED_WEB2.index).packets)
            self.assertEqual(number, self.counter("tunnels", 9).packets)


class SharedPortsGetTheirCopy(_FloodTest):
    """An attachment with another VLAN on the sender's own switch port is another member, and gets its copy."""

    def runTest(self) -> None:
        place = replace(RED_WEB4, port=1, vlan=500, index=9)
        neighbour = replace(place, mac="02:00:00:00:01:15", address="10.0.1.15", address_v6="2001:db8:1::15")
        self.install(attachment(neighbour))
        self.replace(_group(RED_GROUP, LOCAL, TUNNELS), _group(RED_GROUP, (*LOCAL, neighbour)))
        frame = _group_frames(RED_WEB1)["broadcast"]
        self.forwards(1, frame, *self.copies(frame, (RED_WEB2, RED_WEB4, neighbour)))
        frame = _group_frames(neighbour)["broadcast"]
        self.forwards(1, frame, *self.copies(frame, LOCAL))


class SplitHorizonOfGroups(_FloodTest):
    """What comes out of a tunnel, from a leaf of ours or a foreign VTEP, reaches the local members only."""

    def runTest(self) -> None:
        for source in (RED_WEB3, RED_FOREIGN):
            for name, frame in _group_frames(source).items():
                with self.subTest(name, source=source.address):
                    outer = self.arrives(source.tunnel, RED_WEB, frame)
                    self.forwards(UPLINK[source.tunnel], outer, *self.copies(frame, LOCAL))


class GroupsOfVpcsAreApart(_FloodTest):
    """Of two VPCs with the same addresses each one's broadcast reaches only its own members, here and in tunnels."""

    def runTest(self) -> None:
        frame = _group_frames(BLUE_WEB1)["broadcast"]
        into_tunnel = self.sends(BLUE_WEB3.tunnel, BLUE_WEB, frame)
        self.forwards(BLUE_WEB1.port, frame, (BLUE_WEB2.port, delivered(BLUE_WEB2, frame)), into_tunnel)
        frame = _group_frames(BLUE_WEB3)["broadcast"]
        expected = [(host.port, delivered(host, frame)) for host in (BLUE_WEB1, BLUE_WEB2)]
        self.forwards(6, self.arrives(3, BLUE_WEB, frame), *expected)


class SubnetsThatDoNotFloodDrop(_FloodTest):
    """In a subnet without a flood entry, group frames are dropped with broadcast, from a port and from a tunnel."""

    def runTest(self) -> None:
        for name, frame in _group_frames(RED_DB1).items():
            with self.subTest(name, source="attachment"):
                self.drops_with("broadcast", 3, frame)
        for name, frame in _group_frames(RED_DB3).items():
            with self.subTest(name, source="tunnel"):
                self.drops_with("broadcast", 6, self.arrives(3, RED_DB3.subnet, frame))


class DirectionsFloodByTheirOwnEntry(_FloodTest):
    """A subnet may flood what its ports send and not what comes out of tunnels, and the other way round."""

    def runTest(self) -> None:
        local = _group_frames(RED_WEB1)["broadcast"]
        remote = _group_frames(RED_WEB3)["broadcast"]
        self.remove([entries.flood(RED_WEB.domain, 1, RED_LOCAL_GROUP)])
        self.drops_with("broadcast", 5, self.arrives(2, RED_WEB, remote))
        self.forwards(1, local, *self.copies(local, (RED_WEB2, RED_WEB4), TUNNELS))
        self.install([entries.flood(RED_WEB.domain, 1, RED_LOCAL_GROUP)])
        self.remove([entries.flood(RED_WEB.domain, 0, RED_GROUP)])
        self.drops_with("broadcast", 1, local)
        self.forwards(5, self.arrives(2, RED_WEB, remote), *self.copies(remote, LOCAL))


class GroupFramesAreGuarded(_FloodTest):
    """A group frame with a source that is not the sender's own reaches nobody: spoof, once."""

    def runTest(self) -> None:
        for name, frame in _group_frames(RED_WEB1).items():
            with self.subTest(name, source="MAC"):
                forged = frame.copy()
                forged.src = RED_WEB2.mac
                self.drops_with("spoof", 1, forged)
            with self.subTest(name, source="address"):
                forged = frame.copy()
                forged.payload.src = RED_WEB2.address_v6 if IPv6 in frame else RED_WEB2.address
                self.drops_with("spoof", 1, forged)
            with self.subTest(name, source="foreign VTEP"):
                self.drops_with("spoof", 5, self.arrives(9, RED_WEB, frame))


class GroupFramesNeedNoRule(_FloodTest):
    """Policy is between two labels: a frame to a group has no destination of its own, and passes without a rule."""

    policies = ()

    def runTest(self) -> None:
        frame = _group_frames(RED_WEB1)["IPv4 multicast"]
        self.forwards(1, frame, *self.copies(frame, (RED_WEB2, RED_WEB4), TUNNELS))


class UnknownUnicastIsNotFlooded(_FloodTest):
    """A unicast frame to a MAC that the subnet does not have is dropped with unknown_destination all the same."""

    def runTest(self) -> None:
        layer = packets.udp(RED_WEB1.address, "10.0.1.77")
        self.drops_with("unknown_destination", 1, RED_WEB1.to("02:00:00:00:01:77", layer))


class RoutedPacketsAreNotFlooded(_FloodTest):
    """A packet to the gateway's MAC is routed, whatever group its IP destination names: no_route."""

    def runTest(self) -> None:
        for source, address in ((RED_WEB1, "224.0.0.251"), (RED_WEB1, "10.0.1.255"), (RED_WEB1.v6, "ff0e::101")):
            with self.subTest(address=address):
                self.drops_with("no_route", 1, _to_group(source, RED_WEB.gateway_mac, address))


class QueriesAreAnsweredNotFlooded(_FloodTest):
    """ARP requests and neighbour solicitations are answered here or dropped, also in a subnet that floods."""

    def runTest(self) -> None:
        request = packets.arp_request(RED_WEB1.mac, RED_WEB1.address, RED_WEB2.address)
        self.forwards(1, request, (1, packets.arp_reply(request, RED_WEB2.mac)))
        request = packets.arp_request(RED_WEB1.mac, RED_WEB1.address, "10.0.1.77")
        self.drops_with("arp_unknown", 1, request)
        request = discovery.solicitation(RED_WEB1.mac, RED_WEB1.address_v6, RED_WEB2.address_v6)
        self.forwards(1, request, (1, discovery.advertisement(request, RED_WEB2.mac)))
        request = discovery.solicitation(RED_WEB1.mac, RED_WEB1.address_v6, "2001:db8:1::77")
        self.drops_with("nd_unknown", 1, request)


class LinkLocalGroupsAreFlooded(_FloodTest):
    """Multicast from a link-local address is flooded in its subnet: mDNS, MLD report."""

    def runTest(self) -> None:
        query = packets.udp(RED_WEB1.link_local, "ff02::fb", 5353, 5353, ttl=255)
        report = packets.icmp(RED_WEB1.link_local, "ff02::16", 143, ttl=1)
        frames = {
            "mDNS": RED_WEB1.to("33:33:00:00:00:fb", query),
            "MLD report": RED_WEB1.to("33:33:00:00:00:16", packets.with_extension(report, 0)),
        }
        for name, frame in frames.items():
            with self.subTest(name):
                self.forwards(1, frame, *self.copies(frame, (RED_WEB2, RED_WEB4), TUNNELS))


class FragmentsAndPaddingAreFlooded(_FloodTest):
    """Fragments and padded frames to a group come out as they went in, but for the tag."""

    def runTest(self) -> None:
        layer = packets.udp(RED_WEB1.address, "255.255.255.255")
        for offset in (0, 9):
            with self.subTest(offset=offset):
                frame = RED_WEB1.to(packets.BROADCAST, packets.fragment(layer, offset=offset))
                self.forwards(1, frame, *self.copies(frame, (RED_WEB2, RED_WEB4), TUNNELS))
        with self.subTest("padded"):
            layer = packets.udp(RED_WEB2.address, "255.255.255.255", length=1)
            frame = RED_WEB2.to(packets.BROADCAST, layer) / packets.payload(30)
            self.forwards(2, frame, *self.copies(frame, (RED_WEB1, RED_WEB4), TUNNELS))


class CopiesCarryTheMark(_FloodTest):
    """Copies of what came out of a tunnel have the merged mark; each copy into one has the mark of its own tunnel."""

    def runTest(self) -> None:
        frame = with_tos(_group_frames(RED_WEB3)["broadcast"], 2)
        self.forwards(5, self.arrives(2, RED_WEB, frame, tos=3), *self.copies(with_tos(frame, 3), LOCAL))
        self.set_tunnel(2, is_ecn_compatible=0)
        self.set_tunnel(9, is_ecn_compatible=1, dscp=46)
        frame = with_tos(_group_frames(RED_WEB1)["broadcast"], 2)
        self.forwards(
            1,
            frame,
            *self.copies(frame, (RED_WEB2, RED_WEB4)),
            self.sends(2, RED_WEB, frame, tos=2),
            self.sends(3, RED_WEB, frame, tos=0),
            self.sends(9, RED_WEB, frame, tos=46 << 2),
        )


class GroupsChangeWithTheirEntry(_FloodTest):
    """A member that joins the group or leaves it gets the next frame, or does not."""

    def runTest(self) -> None:
        frame = _group_frames(RED_WEB1)["broadcast"]
        whole, smaller = _group(RED_GROUP, LOCAL, TUNNELS), _group(RED_GROUP, (RED_WEB1, RED_WEB4), (3,))
        for _ in range(2):
            self.forwards(1, frame, *self.copies(frame, (RED_WEB2, RED_WEB4), TUNNELS))
            self.replace(whole, smaller)
            self.forwards(1, frame, *self.copies(frame, (RED_WEB4,), (3,)))
            self.replace(smaller, whole)


class LongGroupFramesAreShownOnce(_FloodTest):
    """A group frame beyond the MTU reaches no member; the controller, if it wants to, sees it once and as it came."""

    def runTest(self) -> None:
        place = {"index": RED_WEB1.index, "domain": RED_WEB.domain, "vrf": RED_WEB.vrf, "label": RED_WEB1.label}
        self.overwrite(entries.access_port(RED_WEB1.port, 0, **place, mtu=40))
        frame = _group_frames(RED_WEB1)["broadcast"]
        self.drops_with("too_big", 1, frame)
        self.overwrite(entries.drop_reason(DROP_REASONS["too_big"], "punt_drop"))
        self.drops_with("too_big", 1, frame)
        packet = self.client.packet_in(WAIT_S)
        self.assertEqual(bytes(frame), packet and packet.payload)
        self.assertIsNone(self.client.packet_in(0.02))
