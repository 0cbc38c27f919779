# SPDX-License-Identifier: Apache-2.0
"""The neighbour discovery responder (RFC 4861): solicitations are answered by the switch where they enter."""

from collections.abc import Iterator

from scapy.layers.inet6 import ICMPv6ND_NA, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from ptf_tests import discovery, entries, packets
from ptf_tests.discovery import UNSPECIFIED, advertisement, solicitation
from ptf_tests.leaf import (
    BLUE_WEB1,
    BLUE_WEB2,
    RED_DB,
    RED_DB1,
    RED_DB2,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    Host,
    LeafTest,
    attachment,
    from_tunnel,
    out_of_tunnel,
)
from ptf_tests.p4info import Action, Entry

_GATEWAY_LINK_LOCAL = packets.link_local(RED_WEB.gateway_mac)
_NOBODY = "2001:db8:1::200"
_NONCE = bytes.fromhex("a1b2c3d4e5f6")


def _asks(source: Host, target: str, *, to_mac: str = "", options: bytes | None = None) -> Packet:
    to_address = target if to_mac else ""
    return solicitation(
        source.mac,
        source.v6.address,
        target,
        options=options,
        to_mac=to_mac,
        to_address=to_address,
        vlan=source.vlan,
    )


def _targets() -> Iterator[tuple[str, str, bool]]:
    """What is known in the web subnet: the address, its MAC and whether it is the router's."""
    for host in (RED_WEB2, RED_WEB3, RED_FOREIGN):
        yield host.v6.address, host.mac, False
        yield host.link_local, host.mac, False
    for address in (RED_WEB.gateway_v6, _GATEWAY_LINK_LOCAL):
        yield address, RED_WEB.gateway_mac, True


class HostsAreAnswered(LeafTest):
    """A solicitation for a host of the subnet, here, remote or foreign, gets its MAC by a solicited advertisement."""

    def runTest(self) -> None:
        for source in (RED_WEB1, RED_WEB2):
            for target in (RED_WEB1, RED_WEB2, RED_WEB3, RED_FOREIGN):
                if target == source:
                    continue
                with self.subTest(source=source.address, target=target.v6.address):
                    request = _asks(source, target.v6.address)
                    self.forwards(source.port, request, (source.port, advertisement(request, target.mac)))


class GatewayIsAnsweredAsRouter(LeafTest):
    """A solicitation for the gateway of the own subnet gets its MAC with the router flag, same port and tag."""

    def runTest(self) -> None:
        for source in (RED_WEB1, RED_WEB2, RED_DB1, RED_DB2, BLUE_WEB1):
            for target in (source.subnet.gateway_v6, packets.link_local(source.subnet.gateway_mac)):
                with self.subTest(source=source.address, target=target):
                    request = _asks(source, target)
                    answer = advertisement(request, source.subnet.gateway_mac, is_router=True)
                    self.forwards(source.port, request, (source.port, answer))


class LinkLocalHostsAreAnswered(LeafTest):
    """A solicitation for the link-local address of a host of the subnet (EUI-64) gets the MAC that is in it."""

    def runTest(self) -> None:
        for source, target in ((RED_WEB1, RED_WEB2), (RED_WEB2, RED_WEB1), (RED_WEB1, RED_WEB3), (RED_DB1, RED_DB2)):
            for sender in (source.v6.address, source.link_local):
                with self.subTest(sender=sender, target=target.link_local):
                    request = solicitation(source.mac, sender, target.link_local, vlan=source.vlan)
                    self.forwards(source.port, request, (source.port, advertisement(request, target.mac)))


class LinkLocalAskersAreAnswered(LeafTest):
    """A solicitation from the host's own link-local address is answered as one from its other address is."""

    def runTest(self) -> None:
        for target, mac, is_router in _targets():
            with self.subTest(target=target):
                request = solicitation(RED_WEB1.mac, RED_WEB1.link_local, target)
                self.forwards(1, request, (1, advertisement(request, mac, is_router=is_router)))


class AnswersAreWellFormed(LeafTest):
    """An answer has hop limit 255, a right ICMPv6 checksum, one target link-layer option and payload length 32."""

    def runTest(self) -> None:
        for target, mac, is_router in _targets():
            for options in (None, b""):
                with self.subTest(target=target, options=options):
                    request = _asks(RED_WEB1, target, options=options)
                    expected = advertisement(request, mac, is_router=is_router)
                    [raw] = self.forwards(1, request, (1, expected))
                    answer = Ether(raw)
                    self.assertEqual((255, 32, 58), (answer[IPv6].hlim, answer[IPv6].plen, answer[IPv6].nh))
                    self.assertEqual((target, RED_WEB1.v6.address), (answer[IPv6].src, answer[IPv6].dst))
                    message = answer[ICMPv6ND_NA]
                    self.assertEqual((int(is_router), 1, 1, target), (message.R, message.S, message.O, message.tgt))
                    self.assertEqual(discovery.target_option(mac), bytes(message.payload))
                    received = message.cksum
                    del message.cksum
                    self.assertEqual(Ether(bytes(answer))[ICMPv6ND_NA].cksum, received)


class AnswersWithoutAnOptionGetOne(LeafTest):
    """A solicitation without a link-layer option is answered with one, also into a tunnel and in front of padding."""

    def runTest(self) -> None:
        for source in (RED_WEB1, RED_WEB2):
            with self.subTest(source=source.address):
                request = _asks(source, RED_WEB3.v6.address, options=b"")
                self.forwards(source.port, request, (source.port, advertisement(request, RED_WEB3.mac)))
        with self.subTest("trailing octets"):
            request = Ether(packets.padded(_asks(RED_WEB1, RED_WEB2.v6.address, options=b""), 100))
            self.forwards(1, request, (1, advertisement(request, RED_WEB2.mac)))
        with self.subTest("tunnel"):
            request = _asks(RED_FOREIGN, RED_WEB1.v6.address, options=b"")
            answer = advertisement(request, RED_WEB1.mac)
            self.forwards(5, from_tunnel(9, RED_WEB.vni, request), out_of_tunnel(9, RED_WEB, answer))


class TrailingOctetsStay(LeafTest):
    """Octets after a solicitation, as a network card may leave them, stay behind its answer."""

    def runTest(self) -> None:
        for length in (87, 90, 200):
            with self.subTest(length=length):
                request = Ether(packets.padded(_asks(RED_WEB1, RED_WEB2.v6.address), length))
                [raw] = self.forwards(1, request, (1, advertisement(request, RED_WEB2.mac)))
                self.assertEqual(length, len(raw))


class UnicastSolicitationsAreAnswered(LeafTest):
    """A solicitation sent to the cached MAC of the target, to see whether it is still there, is answered too."""

    def runTest(self) -> None:
        for target, mac, is_router in _targets():
            for options in (None, b""):
                with self.subTest(target=target, options=options):
                    request = _asks(RED_WEB1, target, to_mac=mac, options=options)
                    self.forwards(1, request, (1, advertisement(request, mac, is_router=is_router)))


class DuplicatesAreDetected(LeafTest):
    """A solicitation from :: for a taken address, with a nonce or without, is answered to all nodes, unsolicited."""

    def runTest(self) -> None:
        for source in (RED_WEB1, RED_WEB2):
            for target, mac, is_router in _targets():
                if mac == source.mac:
                    continue
                for options in (b"", discovery.nonce_option(_NONCE)):
                    with self.subTest(source=source.address, target=target, options=options):
                        request = solicitation(source.mac, UNSPECIFIED, target, options=options, vlan=source.vlan)
                        answer = advertisement(request, mac, is_router=is_router)
                        self.assertEqual("33:33:00:00:00:01", answer.dst)
                        self.assertEqual(("ff02::1", 0), (answer[IPv6].dst, answer[ICMPv6ND_NA].S))
                        self.forwards(source.port, request, (source.port, answer))


class FreeAddressesAreNotDetected(LeafTest):
    """A solicitation from :: for the host's own or an unknown address gets no answer, so the host may use it."""

    def runTest(self) -> None:
        for target in (RED_WEB1.v6.address, RED_WEB1.link_local, _NOBODY):
            for options in (b"", discovery.nonce_option(_NONCE)):
                with self.subTest(target=target, options=options):
                    request = solicitation(RED_WEB1.mac, UNSPECIFIED, target, options=options)
                    self.drops_with("nd_unknown", 1, request)


class UnknownTargetsAreNotAnswered(LeafTest):
    """A solicitation for an address that nobody has is neither answered nor flooded: nd_unknown."""

    def runTest(self) -> None:
        targets = {
            "unknown address of the subnet": _NOBODY,
            "outside of the VPC": "2001:db8:ffff::1",
            "link-local without a MAC in it": "fe80::1",
            "link-local with an unknown MAC": packets.link_local("02:00:00:00:01:77"),
            "link-local with a group MAC": packets.link_local("01:00:5e:00:00:01"),
            "link-local with the broadcast MAC": packets.link_local(packets.BROADCAST),
            "unspecified": "::",
            "group": "ff02::1",
        }
        for name, target in targets.items():
            with self.subTest(name):
                self.drops_with("nd_unknown", 1, _asks(RED_WEB1, target))


class GroupTargetsAreNotFlooded(LeafTest):
    """A solicitation for a link-local address with a group MAC in it stays nd_unknown where the subnet floods."""

    def runTest(self) -> None:
        match = {"bridge_domain": RED_WEB.domain, "is_terminated": 0}
        self.install([Entry("flood", match, Action("set_flood_group", {"group": 1}))])
        for mac in ("01:00:5e:00:00:01", packets.BROADCAST):
            with self.subTest(mac=mac):
                self.drops_with("nd_unknown", 1, _asks(RED_WEB1, packets.link_local(mac)))


class OtherSubnetsAreNotAnswered(LeafTest):
    """A solicitation for a host or gateway of another subnet is not answered, link-local or not: nd_unknown."""

    def runTest(self) -> None:
        for target in (
            RED_DB1.v6.address,
            RED_DB1.link_local,
            RED_DB.gateway_v6,
            packets.link_local(RED_DB.gateway_mac),
        ):
            with self.subTest(target=target):
                self.drops_with("nd_unknown", 1, _asks(RED_WEB1, target))
                with self.subTest("sent to the gateway"):
                    request = _asks(RED_WEB1, target, to_mac=RED_WEB.gateway_mac)
                    self.drops_with("nd_unknown", 1, request)


class NobodyAnswersForTheAsker(LeafTest):
    """A solicitation for the asker's own address, link-local or not, is not answered: nd_unknown."""

    def runTest(self) -> None:
        for source in (RED_WEB1, RED_WEB2):
            for target in (source.v6.address, source.link_local):
                with self.subTest(target=target):
                    self.drops_with("nd_unknown", source.port, _asks(source, target))


class TenantsAreAnsweredFromTheirOwnVpc(LeafTest):
    """The same question from two VPCs with the same addresses gets the answer of each VPC's own host, or none."""

    def runTest(self) -> None:
        moved = "02:00:00:00:01:b2"
        target = BLUE_WEB2.v6.address
        place = {"port": 7, "index": BLUE_WEB2.index, "domain": 30, "label": BLUE_WEB2.label}
        self.replace(
            entries.host(2, target, entries.to_local_host(mac=BLUE_WEB2.mac, **place)),
            entries.host(2, target, entries.to_local_host(mac=moved, **place)),
        )
        for source, mac in ((RED_WEB1, RED_WEB2.mac), (BLUE_WEB1, moved)):
            with self.subTest(port=source.port):
                request = _asks(source, target)
                self.forwards(source.port, request, (source.port, advertisement(request, mac)))
        self.remove(attachment(RED_WEB2))
        for target in (RED_WEB2.v6.address, RED_WEB2.link_local):
            with self.subTest("only the other VPC has it", target=target):
                self.drops_with("nd_unknown", 1, _asks(RED_WEB1, target))


class ForeignSolicitationsAreAnswered(LeafTest):
    """A solicitation from a foreign workload is answered back into its tunnel, in the same VNI; from :: as well."""

    def runTest(self) -> None:
        for target, mac, is_router in _targets():
            if mac == RED_FOREIGN.mac:
                continue
            for sender in (RED_FOREIGN.v6.address, RED_FOREIGN.link_local, UNSPECIFIED):
                with self.subTest(sender=sender, target=target):
                    request = solicitation(RED_FOREIGN.mac, sender, target)
                    answer = advertisement(request, mac, is_router=is_router)
                    self.forwards(5, from_tunnel(9, RED_WEB.vni, request), out_of_tunnel(9, RED_WEB, answer))


class ForeignSolicitationsForNobody(LeafTest):
    """A solicitation from a foreign workload for an unknown or its own address is not answered: nd_unknown."""

    def runTest(self) -> None:
        for target in (_NOBODY, RED_DB1.v6.address, RED_FOREIGN.v6.address, RED_FOREIGN.link_local):
            with self.subTest(target=target):
                request = solicitation(RED_FOREIGN.mac, RED_FOREIGN.v6.address, target)
                self.drops_with("nd_unknown", 5, from_tunnel(9, RED_WEB.vni, request))


class OurLeavesAskNobody(LeafTest):
    """A solicitation that comes from a leaf of ours, which should have answered it itself, is dropped: nd_unknown."""

    def runTest(self) -> None:
        for target in (RED_WEB1.v6.address, RED_WEB.gateway_v6):
            with self.subTest(target=target):
                request = solicitation(RED_WEB3.mac, RED_WEB3.v6.address, target)
                self.drops_with("nd_unknown", 5, from_tunnel(2, RED_WEB.vni, request))


class ForwardedSolicitationsAreBroken(LeafTest):
    """A solicitation or advertisement whose hop limit is not 255 has passed a router: ip_header."""

    def runTest(self) -> None:
        own, other = RED_WEB1.v6.address, RED_WEB2.v6.address
        for hop_limit in (0, 1, 64, 254):
            for name, frame in (
                ("solicitation", solicitation(RED_WEB1.mac, own, other, hop_limit=hop_limit)),
                ("advertisement", discovery.announcement(RED_WEB1.mac, own, own, hop_limit=hop_limit)),
            ):
                with self.subTest(name, hop_limit=hop_limit):
                    self.drops_with("ip_header", 1, frame)


class OneOptionAtMost(LeafTest):
    """A solicitation that is longer than one option of 8 octets, or no multiple of it, is not answered: nd_unknown."""

    def runTest(self) -> None:
        own = discovery.source_option(RED_WEB1.mac)
        options = {
            "two options": own + discovery.nonce_option(_NONCE),
            "the nonce first": discovery.nonce_option(_NONCE) + own,
            "an option of 16 octets": b"\x0e\x02" + bytes(14),
            "an option and an octet": own + b"\0",
            "half an option": own[:4],
            "one octet": own[:1],
            "seven octets": own[:7],
        }
        for name, option in options.items():
            with self.subTest(name):
                request = solicitation(RED_WEB1.mac, RED_WEB1.v6.address, RED_WEB2.v6.address, options=option)
                self.drops_with("nd_unknown", 1, request)
        two = discovery.source_option(RED_FOREIGN.mac) + discovery.nonce_option(_NONCE)
        with self.subTest("two options behind a foreign VTEP"):
            request = solicitation(RED_FOREIGN.mac, RED_FOREIGN.v6.address, RED_WEB2.v6.address, options=two)
            self.drops_with("nd_unknown", 5, from_tunnel(9, RED_WEB.vni, request))


class ShortMessagesAreNotAnswered(LeafTest):
    """A solicitation whose payload length ends inside its target is not answered, though the octets are there."""

    def runTest(self) -> None:
        for length in (0, 4, 8, 23):
            with self.subTest(length=length):
                request = Ether(bytes(_asks(RED_WEB1, RED_WEB2.v6.address)))
                request[IPv6].plen = length
                self.drops_with("nd_unknown", 1, request)


class OtherCodesAreNoSolicitation(LeafTest):
    """ICMPv6 type 135 with a code other than 0 is no solicitation: it is not answered, and goes to no group."""

    def runTest(self) -> None:
        for code in (1, 255):
            with self.subTest(code=code):
                request = solicitation(RED_WEB1.mac, RED_WEB1.v6.address, RED_WEB2.v6.address, code=code)
                self.drops_with("broadcast", 1, request)
