# SPDX-License-Identifier: Apache-2.0
"""VXLAN-GBP (draft-smith-vxlan-group-policy): the source label in the tunnel, and whose label is believed."""

from scapy.packet import Packet

from ptf_tests import entries, leaf, packets
from ptf_tests.entries import policy
from ptf_tests.leaf import (
    DB,
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
    by_family,
    delivered,
    routed_to,
    without_tag,
)
from ptf_tests.tunnels import OVER_V4, OVER_V6, TunnelTest

GBP_FLAGS = 0x88
APPLIED = 0x08
_PROMOTED = 0x1234


class GroupIdIsSent(TunnelTest):
    """Towards a peer that speaks GBP: flags 0x88, A = 1, and the label of the sending port as group id."""

    def runTest(self) -> None:
        for tunnel in (2, 3):
            self.set_tunnel(tunnel, is_gbp=1)
        for source, web3, db3 in by_family((RED_WEB1, RED_WEB3, RED_DB3), (RED_WEB2, RED_WEB3, RED_DB3)):
            with self.subTest("bridged", source=source.address):
                frame = source.udp_to(web3)
                expected = self.sends(2, RED_WEB, without_tag(frame), flags=GBP_FLAGS, policy_flags=APPLIED, group=WEB)
                self.forwards(source.port, frame, expected)
            with self.subTest("routed", source=source.address):
                frame = source.udp_by_gateway(db3)
                inner = routed_to(db3, frame)
                expected = self.sends(3, RED_DB, inner, flags=GBP_FLAGS, policy_flags=APPLIED, group=WEB)
                self.forwards(source.port, frame, expected)
        for label in (0, 1, 0xFFFF):
            with self.subTest(label=label):
                self.overwrite(entries.access_port(1, 0, index=1, domain=RED_WEB.domain, vrf=RED_WEB.vrf, label=label))
                frame = RED_WEB1.udp_to(RED_WEB3)
                expected = self.sends(2, RED_WEB, frame, flags=GBP_FLAGS, policy_flags=APPLIED, group=label)
                self.forwards(1, frame, expected)


class GroupIdIsSentOverIpv6(TunnelTest):
    """The VXLAN-GBP header is the same over an IPv6 underlay, out and in."""

    underlay = OVER_V6
    policies = (policy("permit", src=WEB), policy("permit", src=_PROMOTED, dst=WEB))

    def runTest(self) -> None:
        self.set_tunnel(2, is_gbp=1)
        frame = RED_WEB1.udp_to(RED_WEB3)
        self.forwards(1, frame, self.sends(2, RED_WEB, frame, flags=GBP_FLAGS, policy_flags=APPLIED, group=WEB))
        inner = RED_FOREIGN.udp_to(RED_WEB1)
        outer = self.arrives(9, RED_WEB, inner, flags=GBP_FLAGS, group=_PROMOTED)
        self.drops_with("policy", 5, outer)
        self.set_peer(9, is_gbp=1)
        self.forwards(5, outer, (1, inner))


class GroupIdIsStripped(TunnelTest):
    """Towards a peer that does not speak GBP the header is plain VXLAN: flags 0x08, all reserved bits 0."""

    def runTest(self) -> None:
        self.set_tunnel(2, is_gbp=1)
        self.set_peer(9, is_gbp=1)
        frame = RED_WEB1.udp_by_gateway(RED_DB3)
        self.forwards(1, frame, self.sends(3, RED_DB, routed_to(RED_DB3, frame)))
        with self.subTest("although it came with a group id"):
            inner = RED_FOREIGN.udp_by_gateway(RED_DB3)
            outer = self.arrives(9, RED_WEB, inner, flags=GBP_FLAGS, policy_flags=APPLIED, group=_PROMOTED)
            self.forwards(5, outer, self.sends(3, RED_DB, routed_to(RED_DB3, inner)))


class GroupIdGoesOn(TunnelTest):
    """From a foreign tunnel into one that speaks GBP goes the label that counts: the group id if it is believed."""

    def runTest(self) -> None:
        self.set_tunnel(2, is_gbp=1)
        inner = RED_FOREIGN.udp_to(RED_WEB3)
        outer = self.arrives(9, RED_WEB, inner, flags=GBP_FLAGS, group=_PROMOTED)
        for is_gbp, label in ((0, FOREIGN), (1, _PROMOTED)):
            with self.subTest(is_gbp=is_gbp):
                self.set_peer(9, is_gbp=is_gbp)
                expected = self.sends(2, RED_WEB, inner, flags=GBP_FLAGS, policy_flags=APPLIED, group=label)
                self.forwards(5, outer, expected)


class BelievedGroupIdDecides(TunnelTest):
    """From an untrusted peer that is believed, policy decides by each packet's group id, not by the guard's label."""

    policies = (policy("permit", src=_PROMOTED, dst=WEB), policy("permit", src=FOREIGN, dst=DB))

    def runTest(self) -> None:
        self.set_peer(9, is_gbp=1)
        for source, web1, db1 in by_family((RED_FOREIGN, RED_WEB1, RED_DB1)):
            to_web, to_db = source.udp_to(web1), source.udp_by_gateway(db1)
            for group, opens_web, opens_db in ((_PROMOTED, True, False), (FOREIGN, False, True), (0, False, False)):
                with self.subTest(source=source.address, group=group):
                    for inner, host, expected, is_open in (
                        (to_web, web1, to_web, opens_web),
                        (to_db, db1, routed_to(db1, to_db), opens_db),
                    ):
                        outer = self.arrives(9, RED_WEB, inner, flags=GBP_FLAGS, group=group)
                        if is_open:
                            self.forwards(5, outer, (host.port, delivered(host, expected)))
                        else:
                            self.drops_with("policy", 5, outer)


class WithoutGFlagTheGuardsLabelCounts(TunnelTest):
    """Also from a peer that is believed, a header without the G flag has no group id, whatever is in its place."""

    policies = (policy("permit", src=FOREIGN, dst=WEB),)

    def runTest(self) -> None:
        self.set_peer(9, is_gbp=1)
        inner = RED_FOREIGN.udp_to(RED_WEB1)
        for flags in (0x08, 0x7F):
            with self.subTest(flags=flags):
                self.forwards(5, self.arrives(9, RED_WEB, inner, flags=flags, group=_PROMOTED), (1, inner))
        self.drops_with("policy", 5, self.arrives(9, RED_WEB, inner, flags=GBP_FLAGS, group=_PROMOTED))


class OtherPeersGroupIdIsIgnored(TunnelTest):
    """The group id of an untrusted peer that is not believed is ignored: the guard's label counts."""

    policies = (policy("permit", src=FOREIGN, dst=WEB), policy("permit", src=_PROMOTED))

    def runTest(self) -> None:
        for group in (0, _PROMOTED, 0xFFFF):
            with self.subTest(group=group):
                inner = RED_FOREIGN.udp_to(RED_WEB1)
                self.forwards(5, self.arrives(9, RED_WEB, inner, flags=GBP_FLAGS, group=group), (1, inner))
                inner = RED_FOREIGN.udp_by_gateway(RED_DB1)
                self.drops_with("policy", 5, self.arrives(9, RED_WEB, inner, flags=GBP_FLAGS, group=group))


class AppliedBitChangesNothing(TunnelTest):
    """A, D and reserved bits do not matter: policy is applied to what an untrusted peer says has been checked."""

    policies = (policy("permit", src=_PROMOTED, dst=WEB),)

    def runTest(self) -> None:
        self.set_peer(9, is_gbp=1)
        inner = RED_FOREIGN.udp_to(RED_WEB1)
        for flags in (GBP_FLAGS, 0xFF):
            for policy_flags in (0x00, APPLIED, 0x40, 0xFF):
                with self.subTest(flags=flags, policy_flags=policy_flags):
                    fields = {"flags": flags, "policy_flags": policy_flags}
                    self.forwards(5, self.arrives(9, RED_WEB, inner, **fields, group=_PROMOTED), (1, inner))
                    self.drops_with("policy", 5, self.arrives(9, RED_WEB, inner, **fields, group=_PROMOTED + 1))


class GuardComesBeforeTheGroupId(TunnelTest):
    """A group id that is believed does not open the source guard: spoof."""

    def runTest(self) -> None:
        self.set_peer(9, is_gbp=1)
        forged = packets.frame(RED_WEB2.mac, RED_WEB1.mac, packets.udp(RED_FOREIGN.address, RED_WEB1.address))
        self.drops_with("spoof", 5, self.arrives(9, RED_WEB, forged, flags=GBP_FLAGS, group=WEB))


class TrustedPeersMaySendGroupIds(TunnelTest):
    """From a leaf of ours a GBP header changes nothing: its policy has been applied, whatever the group id."""

    policies = ()

    def runTest(self) -> None:
        for is_gbp in (0, 1):
            self.set_peer(2, is_gbp=is_gbp)
            for group in (0, DB, 0xFFFF):
                with self.subTest(is_gbp=is_gbp, group=group):
                    inner = RED_WEB3.udp_to(RED_WEB1)
                    self.forwards(5, self.arrives(2, RED_WEB, inner, flags=GBP_FLAGS, group=group), (1, inner))


class TenantsGroupIdIsTheirOwnBusiness(TunnelTest):
    """VXLAN-GBP that a tenant's port sends, even to our VTEP's address, changes no label: it is plain UDP."""

    policies = (policy("permit", src=_PROMOTED), policy("permit", src=WEB, dst=WEB))

    def runTest(self) -> None:
        self.set_peer(9, is_gbp=1)
        self.set_tunnel(2, is_gbp=1)
        inner = RED_FOREIGN.udp_to(RED_WEB1)
        tenants = OVER_V4.received(9, RED_WEB).around(inner, flags=GBP_FLAGS, group=_PROMOTED).payload
        tenants.src = RED_WEB1.address
        for name, address in (("to our VTEP", leaf.VTEP), ("to a host", RED_WEB2.address)):
            layer = tenants.copy()
            layer.dst = address
            with self.subTest(name, rule="web to web"):
                frame = RED_WEB1.to(RED_WEB2, layer)
                self.forwards(1, frame, (2, delivered(RED_WEB2, frame)))
            with self.subTest(name, rule="web to db"):
                self._is_denied_to_db(layer)
            with self.subTest(name, label="in the tunnel"):
                frame = RED_WEB1.to(RED_WEB3, layer)
                expected = self.sends(2, RED_WEB, frame, flags=GBP_FLAGS, policy_flags=APPLIED, group=WEB)
                self.forwards(1, frame, expected)
        with self.subTest("a tunnel packet on an access port"):
            outer = self.arrives(9, RED_WEB, inner, flags=GBP_FLAGS, group=_PROMOTED)
            self.drops_with("spoof", 1, outer)

    def _is_denied_to_db(self, layer: Packet) -> None:
        """Nothing from web reaches db, neither by address nor with a label from inside."""
        addressed = layer.copy()
        addressed.dst = RED_DB1.address
        self.drops_with("policy", 1, RED_WEB1.to(RED_WEB.gateway_mac, addressed))
