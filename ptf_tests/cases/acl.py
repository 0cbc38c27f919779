# SPDX-License-Identifier: Apache-2.0
"""Network ACLs: ordered, stateless rules of a subnet, for what is routed out of it (ingress) and into it (egress)."""

from dataclasses import replace
from ipaddress import ip_network

from scapy.layers.inet import IPOption

from ptf_tests import entries, packets
from ptf_tests.acls import DOMAINS, SIDES, AclTest, Side
from ptf_tests.entries import policy
from ptf_tests.leaf import (
    BLUE_DB1,
    BLUE_WEB1,
    RED_DB,
    RED_DB1,
    RED_DB2,
    RED_DB3,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    delivered,
    from_tunnel,
    out_of_tunnel,
    routed_to,
)
from ptf_tests.p4info import Entry, Match

_PREFIXES = {
    "v4": ("0.0.0.0/0", "10.0.1.0/24", "10.0.1.11/32", "10.0.2.0/28", "10.0.3.0/24", "10.0.1.10/32"),
    "v6": ("::/0", "2001:db8:1::/64", "2001:db8:1::11/128", "2001:db8:2::10/124", "2001:db8:3::/48", "::11/128"),
}
"""Everything; the web subnet, web1 alone; a part of the db subnet with db1; what holds neither of them."""


class WithoutRulesEverythingPasses(AclTest):
    """A packet that no rule of the ACL matches passes, whatever its protocol."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                for protocol, layer in side.protocols().items():
                    with self.subTest(protocol=protocol):
                        self.passes(layer)


class PrefixesDeny(AclTest):
    """A rule over source and destination prefixes denies what lies in both of them, of any length, and no other."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                whole, web, web1, db, elsewhere, neighbour = _PREFIXES[side.family]
                for src, dst, is_denied in (
                    (whole, whole, True),
                    (web, whole, True),
                    (web1, None, True),
                    (None, db, True),
                    (web, db, True),
                    (elsewhere, db, False),
                    (web, elsewhere, False),
                    (neighbour, None, False),
                    (db, web, False),
                ):
                    with self.subTest(src=src, dst=dst):
                        rule = side.rule("deny", src=src, dst=dst)
                        self.install([rule])
                        self.decides(side.udp(), is_denied=is_denied)
                        self.remove([rule])


class ProtocolsDeny(AclTest):
    """A rule for one protocol denies that protocol and no other."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                layers = side.protocols()
                for denied in layers:
                    rule = side.rule("deny", protocol=denied)
                    self.install([rule])
                    for protocol, layer in layers.items():
                        with self.subTest(rule=denied, packet=protocol):
                            self.decides(layer, is_denied=protocol == denied)
                    self.remove([rule])


class PortRangesHaveBothEnds(AclTest):
    """Ranges of source and of destination ports deny both ends and what is between; one beside passes."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                for protocol, build in ((packets.TCP_PROTOCOL, side.tcp), (packets.UDP_PROTOCOL, side.udp)):
                    for field in ("dport", "sport"):
                        ports = (8000, 8099)
                        rule = (
                            side.rule("deny", protocol=protocol, dst_ports=ports)
                            if field == "dport"
                            else side.rule("deny", protocol=protocol, src_ports=ports)
                        )
                        self.install([rule])
                        for port in (7999, 8000, 8050, 8099, 8100, 0, 0xFFFF):
                            with self.subTest(protocol=protocol, field=field, port=port):
                                layer = build(dport=port) if field == "dport" else build(sport=port)
                                self.decides(layer, is_denied=8000 <= port <= 8099)
                        self.remove([rule])


class BothPortsMustMatch(AclTest):
    """A rule with source and destination ports denies only packets that have both."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                self.install([side.rule("deny", src_ports=(0, 1023), dst_ports=(53, 53))])
                self.is_denied(side.udp(1023, 53))
                self.passes(side.udp(1024, 53))
                self.passes(side.udp(1023, 54))
                self.passes(side.udp(53, 1023))


class IcmpTypesDeny(AclTest):
    """A rule over an ICMP type and code denies just that message."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                ends = (side.source.address, side.destination.address)
                number = 1 << 8 | 4 if side.family == "v6" else 3 << 8 | 4
                self.install([side.rule("deny", protocol=side.icmp, dst_ports=(number, number))])
                self.is_denied(packets.icmp(*ends, number >> 8, 4))
                self.passes(packets.icmp(*ends, number >> 8, 3))
                self.passes(packets.icmp(*ends))


class HigherAclPriorityDecides(AclTest):
    """Of several rules that match, the one with the highest priority decides, permit or deny."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                deny = side.rule("deny", priority=10)
                permit = side.rule("permit", protocol=packets.TCP_PROTOCOL, priority=20)
                exception = side.rule("deny", protocol=packets.TCP_PROTOCOL, dst_ports=(22, 22), priority=30)
                self.install([deny, permit, exception])
                self.is_denied(side.udp())
                self.passes(side.tcp(dport=80))
                self.is_denied(side.tcp(dport=22))
                self.remove([exception])
                self.passes(side.tcp(dport=22))
                self.remove([permit])
                self.is_denied(side.tcp(dport=80))


class AclsAreStateless(AclTest):
    """A reply to a packet that passed needs to pass the ACLs of its own direction."""

    def runTest(self) -> None:
        for family in ("v4", "v6"):
            with self.subTest(family=family):
                side = Side("ingress", family)
                self.passes(side.udp(1234, 53))
                out_of_db = entries.acl("ingress", "deny", family=family, domain=RED_DB.domain, src_ports=(53, 53))
                self.install([out_of_db])
                reply = packets.udp(side.destination.address, side.source.address, 53, 1234)
                self.drops_with("acl", 3, RED_DB1.to(RED_DB.gateway_mac, reply))
                self.remove([out_of_db])


class DirectionsHaveTheirOwnDomain(AclTest):
    """Ingress rules are those of the subnet that a packet comes from, egress rules those of the one that it goes to."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                other = RED_DB.domain if side.direction == "ingress" else RED_WEB.domain
                rules = [
                    entries.acl(side.direction, "deny", family=side.family, domain=domain)
                    for domain in (other, BLUE_WEB1.subnet.domain, BLUE_DB1.subnet.domain, 0)
                ]
                self.install(rules)
                self.passes(side.udp())


class VpcsHaveTheirOwnRules(AclTest):
    """A rule of one VPC's subnet does not touch the same addresses in another VPC."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                self.install([side.rule("deny")])
                source, destination = side.of(BLUE_WEB1), side.of(BLUE_DB1)
                frame = source.udp_by_gateway(destination)
                self.forwards(source.port, frame, (destination.port, routed_to(destination, frame)))
                self.is_denied(side.udp())


class FamiliesHaveTheirOwnRules(AclTest):
    """A rule for IPv4 denies no IPv6 packet, and the other way round."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                self.install([side.rule("deny")])
                self.passes(replace(side, family="v4" if side.family == "v6" else "v6").udp())


class BridgedPacketsSeeNoAcl(AclTest):
    """What is bridged inside a subnet passes any ACL, here and into a tunnel, and so does ARP."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                rules = [
                    entries.acl(direction, "deny", family=side.family, domain=RED_WEB.domain) for direction in DOMAINS
                ]
                self.install(rules)
                source, local, remote = side.of(RED_WEB1), side.of(RED_WEB2), side.of(RED_WEB3)
                frame = source.udp_to(local)
                self.forwards(1, frame, (2, delivered(local, frame)))
                frame = source.udp_to(remote)
                self.forwards(1, frame, out_of_tunnel(2, RED_WEB, frame))
                request = packets.arp_request(RED_WEB1.mac, RED_WEB1.address, RED_WEB.gateway)
                self.forwards(1, request, (1, packets.arp_reply(request, RED_WEB.gateway_mac)))


class RemoteDestinationsAreCheckedHere(AclTest):
    """Rules of both directions hold at the leaf where the packet enters, also towards a destination behind a tunnel."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                remote = side.of(RED_DB3)
                frame = side.source.udp_by_gateway(remote, dport=53)
                denied = side.source.udp_by_gateway(remote, dport=22)
                self.install([side.rule("deny", dst=str(ip_network(remote.address)), dst_ports=(22, 22))])
                self.forwards(1, frame, out_of_tunnel(3, RED_DB, routed_to(remote, frame)))
                self.drops_with("acl", 1, denied)


class TrustedPeersAreNotCheckedAgain(AclTest):
    """ACLs are not applied again to what comes from a leaf of ours; to what comes from a foreign VTEP they are."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                self.install([side.rule("deny")])
                trusted, foreign, destination = side.of(RED_WEB3), side.of(RED_FOREIGN), side.destination
                inner = trusted.udp_by_gateway(destination)
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), (3, routed_to(destination, inner)))
                self.drops_with("acl", 5, from_tunnel(9, RED_WEB.vni, foreign.udp_by_gateway(destination)))


class RoutedInsideASubnetIsChecked(AclTest):
    """A packet that is sent to the gateway for a host of its own subnet is routed, and both directions are checked."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                rule = entries.acl(side.direction, "deny", family=side.family, domain=RED_WEB.domain)
                frame = side.source.udp_by_gateway(side.of(RED_WEB2))
                self.forwards(1, frame, (2, delivered(RED_WEB2, routed_to(RED_WEB2, frame))))
                self.install([rule])
                self.drops_with("acl", 1, frame)


class LaterFragmentsHaveNoPorts(AclTest):
    """Fragments after the first, and what hides its ports, match no rule with ports, not even one from 0 on."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                hidden = {"later fragment": packets.fragment(side.udp(80, 80), offset=9)}
                if side.family == "v6":
                    hidden["extension header"] = packets.with_extension(side.udp(80, 80), 60)
                else:
                    hidden["options"] = side.udp(80, 80)
                    hidden["options"].options = [IPOption(b"\x01")] * 4
                narrow = [side.rule("deny", src_ports=(0, 100)), side.rule("deny", dst_ports=(0, 100), priority=11)]
                self.install(narrow)
                self.is_denied(packets.fragment(side.udp(80, 80), offset=0))
                for name, layer in hidden.items():
                    with self.subTest(name, rule="ports"):
                        self.passes(layer)
                self.remove(narrow)
                self.install([side.rule("deny")])
                for name, layer in hidden.items():
                    with self.subTest(name, rule="whole"):
                        self.is_denied(layer)


class RulesOfAclsCount(AclTest):
    """Each rule counts the packets that it matches, and no others; in ingress also what another reason drops."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                permit = side.rule("permit", protocol=packets.UDP_PROTOCOL, priority=10)
                deny = side.rule("deny", protocol=packets.TCP_PROTOCOL, priority=20)
                self.install([permit, deny])
                for number in (1, 2):
                    self.passes(side.udp())
                    self.assertEqual((number, 0), (self.packets_of(permit), self.packets_of(deny)))
                self.is_denied(side.tcp())
                self.assertEqual((2, 1), (self.packets_of(permit), self.packets_of(deny)))
                expired = packets.udp(side.source.address, side.destination.address, ttl=1)
                self.drops_with("ttl", 1, RED_WEB1.to(RED_WEB.gateway_mac, expired))
                matched = 3 if permit.table.startswith("acl_ingress") else 2
                self.assertEqual((matched, 1), (self.packets_of(permit), self.packets_of(deny)))

    def packets_of(self, rule: Entry) -> int:
        """How many packets a rule has matched."""
        names = [field.name for field in self.client.schema.table(rule.table).match_fields]
        key: list[Match | None] = [rule.match.get(name) for name in names]
        return self.counter(rule.table, *key).packets


class PolicyAndAclMustBothAgree(AclTest):
    """A packet that policy denies is dropped with policy, whatever ACLs say; one without a rule, if no ACL denies."""

    policies = (
        policy("permit", protocol=packets.UDP_PROTOCOL, priority=1),
        policy("deny", protocol=packets.TCP_PROTOCOL, ports=(22, 22), priority=2),
    )

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                permit = side.rule("permit")
                self.install([permit])
                self.passes(side.udp())
                for dport in (22, 80):
                    self.drops_with("policy", 1, RED_WEB1.to(RED_WEB.gateway_mac, side.tcp(dport=dport)))
                self.remove([permit])
                self.install([side.rule("deny")])
                self.is_denied(side.udp())
                self.is_denied(side.tcp(dport=80))
                self.drops_with("policy", 1, RED_WEB1.to(RED_WEB.gateway_mac, side.tcp(dport=22)))


class DeniedPacketsLeaveNoRecord(AclTest):
    """A packet that an ACL denies, of either direction, opens nothing for its reply."""

    policies = (policy("permit", src=RED_WEB1.label, dst=RED_DB1.label),)

    def runTest(self) -> None:
        for number, side in enumerate(SIDES):
            with self.on(side):
                rule = side.rule("deny")
                self.install([rule])
                request = side.udp(40000 + number, 53)
                self.is_denied(request)
                reply = packets.udp(side.destination.address, side.source.address, 53, 40000 + number)
                self.drops_with("policy", 3, RED_DB1.to(RED_DB.gateway_mac, reply))
                self.remove([rule])
                self.passes(request)
                frame = RED_DB1.to(RED_DB.gateway_mac, reply)
                self.forwards(3, frame, (1, routed_to(RED_WEB1, frame)))


class TaggedAttachmentsAreChecked(AclTest):
    """Between tagged attachments of one trunk port the rules hold as anywhere."""

    def runTest(self) -> None:
        for side in SIDES:
            with self.on(side):
                source, destination = side.of(RED_WEB2), side.of(RED_DB2)
                frame = source.udp_by_gateway(destination)
                self.forwards(2, frame, (2, delivered(destination, routed_to(destination, frame))))
                self.install([side.rule("deny")])
                self.drops_with("acl", 2, frame)
