# SPDX-License-Identifier: Apache-2.0
"""Ports that move: the old leaf redirects what still arrives; where a port may move to, it may only announce itself."""

from collections.abc import Iterator
from dataclasses import replace

from scapy.layers.inet import IP
from scapy.layers.l2 import ARP, Dot1Q
from scapy.packet import Packet

from ptf_tests import discovery, entries, packets
from ptf_tests.leaf import (
    RED_DB3,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    Host,
    LeafTest,
    by_family,
    delivered,
    from_tunnel,
    guards,
    host_entries,
    out_of_tunnel,
    routed_to,
)
from ptf_tests.p4info import Entry
from ptf_tests.tunnels import with_tos

_MOVED = replace(RED_WEB1, port=0, tunnel=3)
"""RED_WEB1 after it has moved from this leaf to the one behind tunnel 3."""

_RARP = 0x8035
_PORT, _INDEX = 2, 9
"""Port 2 has tagged attachments only: room for another, untagged; and a number for it."""

_HERE = replace(RED_WEB3, port=_PORT, index=_INDEX, tunnel=0)
_HERE_TAGGED = replace(_HERE, vlan=300, index=_INDEX + 1)
"""RED_WEB3, which is behind tunnel 2, where it may move to: untagged, and in a VLAN."""


class MovedTest(LeafTest):
    """A test on the leaf that RED_WEB1 has left."""

    def setUp(self) -> None:
        super().setUp()
        self.overwrite(
            entries.redirect_mac(RED_WEB.domain, _MOVED.mac, tunnel=_MOVED.tunnel, label=_MOVED.label),
        )
        for entry in host_entries(_MOVED):
            self.overwrite(entry)

    def withdraw(self) -> None:
        """Every leaf has acknowledged; the stations of this one still reach the port."""
        self.overwrite(entries.remote_mac(RED_WEB.domain, _MOVED.mac, tunnel=_MOVED.tunnel, label=_MOVED.label))


class LateFramesAreRedirected(MovedTest):
    """What a leaf sends to the port's old leaf goes on to the new one: once, in the subnet's VNI, and unchanged."""

    def runTest(self) -> None:
        for source, target in by_family((RED_WEB3, _MOVED)):
            with self.subTest("bridged", source=source.address):
                inner = source.udp_to(target)
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), out_of_tunnel(3, RED_WEB, inner))
        for source, target in by_family((RED_DB3, _MOVED)):
            with self.subTest("routed where it entered", source=source.address):
                inner = routed_to(target, source.udp_by_gateway(target))
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), out_of_tunnel(3, RED_WEB, inner))


class LateFramesEndWithTheMove(MovedTest):
    """When every leaf knows the new place, what still arrives at the old one is dropped with unknown_destination."""

    def runTest(self) -> None:
        inner = [source.udp_to(target) for source, target in by_family((RED_WEB3, _MOVED))]
        frames = [from_tunnel(2, RED_WEB.vni, one) for one in inner]
        self.withdraw()
        with self.subTest("the leaf has other stations of the subnet"):
            self.drops_with("unknown_destination", 5, *frames)
        self.remove([entries.remote_mac(RED_WEB.domain, _MOVED.mac, tunnel=_MOVED.tunnel, label=_MOVED.label)])
        with self.subTest("the leaf knows nothing of it"):
            self.drops_with("unknown_destination", 5, *frames)
        self.install([entries.local_mac(RED_WEB.domain, RED_WEB1.mac, port=1, index=1, label=RED_WEB1.label)])
        with self.subTest("it has come back"):
            self.forwards(5, frames[0], (1, inner[0]))


class RedirectedFramesNeverGoBack(MovedTest):
    """A frame from the leaf that it would be redirected to is dropped with same_port: two leaves make no loop."""

    def runTest(self) -> None:
        for source, target in by_family((RED_WEB3, _MOVED)):
            with self.subTest(source=source.address):
                self.drops_with("same_port", 6, from_tunnel(3, RED_WEB.vni, source.udp_to(target)))


class RedirectWithoutThePortsSubnet(MovedTest):
    """The VNI, its bridge domain and the MAC are enough to redirect: no host, gateway or station is needed here."""

    def runTest(self) -> None:
        keep = {"vni_map", "bridge_domains"}
        domains = ("bridge_domain", "vrf")
        for item in list(self.installed):
            if not isinstance(item, Entry) or item.table in keep:
                continue
            if any(field in item.match for field in domains) and item.match.get("dst_mac") != _MOVED.mac:
                self.remove([item])
        for source, target in by_family((RED_WEB3, _MOVED)):
            with self.subTest(source=source.address):
                inner = source.udp_to(target)
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), out_of_tunnel(3, RED_WEB, inner))


class StationsHereReachAMovedPort(MovedTest):
    """Stations of the old leaf, and foreign workloads behind it, reach the port like any that is remote, by policy."""

    def runTest(self) -> None:
        for source, target in by_family((RED_WEB2, _MOVED)):
            with self.subTest(source=source.address):
                tagged = source.udp_to(target)
                self.forwards(2, tagged, out_of_tunnel(3, RED_WEB, replace(source, vlan=0).udp_to(target)))
        inner = RED_FOREIGN.udp_to(_MOVED)
        self.forwards(5, from_tunnel(9, RED_WEB.vni, inner), out_of_tunnel(3, RED_WEB, inner))
        self.remove(self.policies)
        self.drops_with("policy", 2, *(source.udp_to(target) for source, target in by_family((RED_WEB2, _MOVED))))


class RedirectLeavesMarksAlone(MovedTest):
    """A redirected packet keeps TTL, hop limit, DSCP and ECN; a mark on the way to here is kept too (RFC 6040)."""

    def runTest(self) -> None:
        for source, target in by_family((RED_WEB3, _MOVED)):
            with self.subTest(source=source.address):
                inner, marked = (with_tos(source.udp_to(target, ttl=1), tos) for tos in (0xB9, 0xBB))
                outer = from_tunnel(2, RED_WEB.vni, inner)
                outer[IP].tos = 3
                self.forwards(5, outer, out_of_tunnel(3, RED_WEB, marked))


def _announcements(host: Host) -> Iterator[Packet]:
    """Gratuitous ARP as request and reply, RARP of a hypervisor, unsolicited neighbour advertisement."""
    for operation in (1, 2):
        message = packets.arp_request(host.mac, host.address, host.address, vlan=host.vlan or None)
        message[ARP].op = operation
        yield message
    fields = ARP(op=3, hwsrc=host.mac, psrc="0.0.0.0", hwdst=host.mac, pdst="0.0.0.0")
    message = packets.frame(host.mac, packets.BROADCAST, fields, vlan=host.vlan or None)
    (message[Dot1Q] if host.vlan else message).type = _RARP
    yield message
    for address in (host.v6.address, host.link_local):
        yield discovery.announcement(host.mac, address, address, vlan=host.vlan)


class CandidateTest(LeafTest):
    """A test on a leaf that RED_WEB3 may move to."""

    def setUp(self) -> None:
        super().setUp()
        for host in (_HERE, _HERE_TAGGED):
            self.install([entries.candidate(host.port, host.vlan, index=host.index, domain=RED_WEB.domain)])
            self.install(guards(host))


class CandidatesMayAnnounce(CandidateTest):
    """Where a port may move to, its own announcements are learn, as at its attachment."""

    def runTest(self) -> None:
        for host in (_HERE, _HERE_TAGGED):
            for message in _announcements(host):
                with self.subTest(message.summary(), vlan=host.vlan):
                    self.drops_with("learn", host.port, message)


class CandidatesMayOnlyAnnounce(CandidateTest):
    """Anything else that the port could send where it only may move to is dropped with candidate."""

    def runTest(self) -> None:
        for host in (_HERE, _HERE_TAGGED):
            frames = [source.udp_to(target) for source, target in by_family((host, RED_WEB1), (host, RED_FOREIGN))]
            frames += [source.udp_by_gateway(target) for source, target in by_family((host, RED_DB3))]
            frames += [
                packets.arp_request(host.mac, host.address, target, vlan=host.vlan or None)
                for target in (RED_WEB1.address, RED_WEB.gateway)
            ]
            frames.append(packets.arp_request(host.mac, "0.0.0.0", host.address, vlan=host.vlan or None))
            for frame in frames:
                with self.subTest(frame.summary(), vlan=host.vlan):
                    self.drops_with("candidate", host.port, frame)


class CandidatesAreGuarded(CandidateTest):
    """Announcing another port's MAC or address from where one may move to is spoof; so is any other forgery."""

    def runTest(self) -> None:
        for victim in (RED_WEB1, RED_WEB2):
            for forged in _announcements(replace(victim, vlan=0)):
                with self.subTest(forged.summary(), identity=victim.address):
                    self.drops_with("spoof", _PORT, forged)
        address = packets.arp_request(_HERE.mac, RED_WEB1.address, RED_WEB1.address)
        advertised = discovery.announcement(_HERE.mac, _HERE.v6.address, RED_WEB1.v6.address)
        self.drops_with("spoof", _PORT, address, advertised, RED_WEB1.udp_to(RED_FOREIGN))


class CandidatesReceiveNothing(CandidateTest):
    """Frames for the port go to its attachment, and nothing to where it may move to, until it has moved."""

    def runTest(self) -> None:
        for source, target in by_family((RED_WEB1, RED_WEB3)):
            with self.subTest(source=source.address):
                inner = source.udp_to(target)
                self.forwards(1, inner, out_of_tunnel(2, RED_WEB, inner))
        self.overwrite(
            entries.access_port(_PORT, 0, index=_INDEX, domain=RED_WEB.domain, vrf=RED_WEB.vrf, label=_HERE.label)
        )
        self.overwrite(entries.local_mac(RED_WEB.domain, _HERE.mac, port=_PORT, index=_INDEX, label=_HERE.label))
        self.install([entries.egress_port(_INDEX, 0)])
        for source, target in by_family((RED_WEB1, _HERE)):
            with self.subTest("moved", source=source.address):
                self.forwards(1, source.udp_to(target), (_PORT, delivered(target, source.udp_to(target))))
                self.forwards(_PORT, target.udp_to(source), (1, target.udp_to(source)))
