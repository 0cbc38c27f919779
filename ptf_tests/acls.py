# SPDX-License-Identifier: Apache-2.0
"""Network ACLs in both directions and families, for tests that hold in all four."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scapy.packet import Packet

from ptf_tests import entries, packets
from ptf_tests.leaf import RED_DB, RED_DB1, RED_WEB, RED_WEB1, Host, LeafTest, routed_to
from ptf_tests.p4info import Entry

DOMAINS = {"ingress": RED_WEB.domain, "egress": RED_DB.domain}
"""Where a packet from the web subnet to the db subnet is looked up."""


@dataclass(frozen=True)
class Side:
    """One direction and family of ACLs, and the hosts between which it stands."""

    direction: str
    family: str

    @property
    def source(self) -> Host:
        """web1."""
        return self.of(RED_WEB1)

    @property
    def destination(self) -> Host:
        """db1."""
        return self.of(RED_DB1)

    @property
    def icmp(self) -> int:
        """The protocol number of the family's ICMP."""
        return packets.ICMPV6_PROTOCOL if self.family == "v6" else packets.ICMP_PROTOCOL

    def of(self, host: Host) -> Host:
        """The host by its address of this family."""
        return host.v6 if self.family == "v6" else host

    def rule(
        self,
        action: str,
        *,
        src: str | None = None,
        dst: str | None = None,
        protocol: int | None = None,
        src_ports: tuple[int, int] | None = None,
        dst_ports: tuple[int, int] | None = None,
        priority: int = 10,
        mirror_session: int = 0,
        is_logged: int = 0,
    ) -> Entry:
        """A rule where packets from web to db are looked up."""
        return entries.acl(
            self.direction,
            action,
            family=self.family,
            domain=DOMAINS[self.direction],
            src=src,
            dst=dst,
            protocol=protocol,
            src_ports=src_ports,
            dst_ports=dst_ports,
            priority=priority,
            mirror_session=mirror_session,
            is_logged=is_logged,
        )

    def udp(self, sport: int = 1234, dport: int = 5678) -> Packet:
        """A datagram from web1 to db1."""
        return packets.udp(self.source.address, self.destination.address, sport, dport)

    def tcp(self, sport: int = 1234, dport: int = 80) -> Packet:
        """A segment from web1 to db1."""
        return packets.tcp(self.source.address, self.destination.address, sport, dport)

    def protocols(self) -> dict[int, Packet]:
        """A packet of each of several protocols from web1 to db1."""
        gre = packets.ip(self.source.address, self.destination.address) / packets.payload()
        setattr(gre, "nh" if self.family == "v6" else "proto", 47)
        icmp = packets.icmp(self.source.address, self.destination.address)
        return {packets.TCP_PROTOCOL: self.tcp(), packets.UDP_PROTOCOL: self.udp(), self.icmp: icmp, 47: gre}


SIDES = tuple(Side(direction, family) for direction in DOMAINS for family in ("v4", "v6"))


class AclTest(LeafTest):
    """Traffic is routed from web1 to db1 on one leaf, where policy hinders nobody."""

    @contextmanager
    def on(self, side: Side) -> Iterator[None]:
        """A sub-test of one side, whose rules are removed after it."""
        with self.subTest(direction=side.direction, family=side.family):
            before = list(self.installed)
            try:
                yield
            finally:
                self.remove([item for item in self.installed if item not in before])

    def passes(self, layer: Packet) -> None:
        """The layer reaches db1."""
        frame = RED_WEB1.to(RED_WEB.gateway_mac, layer)
        self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))

    def is_denied(self, layer: Packet) -> None:
        """The layer is dropped with acl."""
        self.drops_with("acl", 1, RED_WEB1.to(RED_WEB.gateway_mac, layer))

    def decides(self, layer: Packet, *, is_denied: bool) -> None:
        """The layer is denied, or passes."""
        (self.is_denied if is_denied else self.passes)(layer)
