# SPDX-License-Identifier: Apache-2.0
"""Router solicitations (RFC 4861, section 4.1): guarded, never flooded, and left to the controller to answer."""

from collections.abc import Iterator

from scapy.packet import Packet

from ptf_tests import discovery, entries, packets
from ptf_tests.base import DROP_REASONS, WAIT_S, Frame
from ptf_tests.discovery import UNSPECIFIED, router_solicitation
from ptf_tests.leaf import RED_FOREIGN, RED_WEB, RED_WEB1, RED_WEB2, RED_WEB3, Host
from ptf_tests.p4info import MulticastGroup
from ptf_tests.tunnels import TunnelTest

_OTHER_MAC = "02:00:00:00:01:66"


class _RouterDiscoveryTest(TunnelTest):
    """The red web subnet floods, so that what is not caught would be seen."""

    def setUp(self) -> None:
        super().setUp()
        members = tuple((host.port, host.index) for host in (RED_WEB1, RED_WEB2))
        self.install([MulticastGroup(1, members)])
        self.install(entries.flood(RED_WEB.domain, is_terminated, 1) for is_terminated in (0, 1))

    def enters(self, source: Host, frame: Packet) -> tuple[int, Packet]:
        """Where the host's frame comes in, and as what."""
        return (source.port, frame) if source.port else (5, self.arrives(source.tunnel, source.subnet, frame))


def _senders(host: Host) -> Iterator[str]:
    yield from (host.address_v6, host.link_local, UNSPECIFIED)


class RouterSolicitationsAreShown(_RouterDiscoveryTest):
    """From an own address, link-local or none, they are router_solicitation and shown as they came; none is flooded."""

    def runTest(self) -> None:
        self.overwrite(entries.drop_reason(DROP_REASONS["router_solicitation"], "punt_drop"))
        for source in (RED_WEB1, RED_WEB2, RED_FOREIGN):
            for sender in _senders(source):
                for to_mac in (discovery.ALL_ROUTERS_MAC, source.subnet.gateway_mac, RED_WEB2.mac):
                    with self.subTest(source=source.address, sender=sender, to_mac=to_mac):
                        frame = router_solicitation(source.mac, sender, to_mac=to_mac, vlan=source.vlan)
                        self._is_shown(*self.enters(source, frame))

    def _is_shown(self, port: int, frame: Frame) -> None:
        self.drops_with("router_solicitation", port, frame)
        packet = self.client.packet_in(WAIT_S)
        if packet is None:
            self.fail("no packet-in came")
        self.assertEqual(bytes(frame).hex(), packet.payload.hex())
        reason = DROP_REASONS["router_solicitation"]
        self.assertEqual((port, reason), (packet.metadata["ingress_port"], packet.metadata["reason"]))


class RouterSolicitationsAreGuarded(_RouterDiscoveryTest):
    """With a MAC or an address that is not the sender's, a router solicitation is dropped with spoof."""

    def runTest(self) -> None:
        for source in (RED_WEB1, RED_FOREIGN):
            forged = {sender: router_solicitation(_OTHER_MAC, sender) for sender in _senders(source)}
            others = (RED_WEB2.address_v6, RED_WEB2.link_local, RED_WEB.gateway_v6)
            forged |= {sender: router_solicitation(source.mac, sender) for sender in others}
            for sender, frame in forged.items():
                with self.subTest(source=source.address, sender=sender):
                    self.drops_with("spoof", *self.enters(source, frame))


class RouterSolicitationsPassNoRouter(_RouterDiscoveryTest):
    """A router solicitation whose hop limit is not 255 has passed a router: ip_header."""

    def runTest(self) -> None:
        for hop_limit in (0, 1, 64, 254):
            for sender in _senders(RED_WEB1):
                with self.subTest(hop_limit=hop_limit, sender=sender):
                    frame = router_solicitation(RED_WEB1.mac, sender, hop_limit=hop_limit)
                    self.drops_with("ip_header", 1, frame)


class OtherCodesAreNoRouterSolicitation(_RouterDiscoveryTest):
    """Type 133 with a code that is not 0 is an ICMPv6 message like others, and so is what a leaf of ours lets in."""

    def runTest(self) -> None:
        frame = router_solicitation(RED_WEB1.mac, RED_WEB1.link_local, code=1)
        tagged = packets.frame(frame.src, frame.dst, frame.payload, vlan=RED_WEB2.vlan)
        self.forwards(1, frame, (2, tagged))
        inner = router_solicitation(RED_WEB3.mac, RED_WEB3.link_local)
        tagged = packets.frame(inner.src, inner.dst, inner.payload, vlan=RED_WEB2.vlan)
        self.forwards(5, self.arrives(2, RED_WEB, inner), (1, inner), (2, tagged))


class CandidatesAreNotToldOfTheRouter(_RouterDiscoveryTest):
    """Where a port may move to, but has not, a router solicitation is dropped with candidate, a forged one as spoof."""

    def runTest(self) -> None:
        self.overwrite(entries.candidate(1, 0, index=RED_WEB1.index, domain=RED_WEB.domain))
        for sender in _senders(RED_WEB1):
            with self.subTest(sender=sender):
                self.drops_with("candidate", 1, router_solicitation(RED_WEB1.mac, sender))
                self.drops_with("spoof", 1, router_solicitation(_OTHER_MAC, sender))
