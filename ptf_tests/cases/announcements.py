# SPDX-License-Identifier: Apache-2.0
"""Hosts that announce their addresses: the controller hears them (learn), and nobody hears forgeries (spoof)."""

from collections.abc import Iterator

from scapy.layers.l2 import ARP, Dot1Q
from scapy.packet import Packet

from ptf_tests import discovery, entries, packets
from ptf_tests.leaf import RED_DB1, RED_FOREIGN, RED_WEB, RED_WEB1, RED_WEB2, RED_WEB3, Host, LeafTest, from_tunnel

_OTHER_MAC = "02:00:00:00:01:66"
_RARP = 0x8035


def _gratuitous(host: Host, operation: int, *, address: str = "", mac: str = "") -> Packet:
    """ARP whose sender and target address are the same (RFC 826; RFC 5227, section 3)."""
    said = address or host.address
    message = packets.arp_request(mac or host.mac, said, said, vlan=host.vlan or None)
    message[ARP].op = operation
    return message


def _rarp(host: Host, *, sender: str = "0.0.0.0", mac: str = "", sender_mac: str = "") -> Packet:
    """RARP request for the own address (RFC 903), as a hypervisor sends it for a guest that has moved."""
    mac = mac or host.mac
    fields = ARP(op=3, hwsrc=sender_mac or mac, psrc=sender, hwdst=mac, pdst="0.0.0.0")
    message = packets.frame(mac, packets.BROADCAST, fields, vlan=host.vlan or None)
    (message[Dot1Q] if host.vlan else message).type = _RARP
    return message


def _advertisements(host: Host) -> Iterator[Packet]:
    """What a host may advertise: its addresses, from any of them, with its MAC as the option or without an option."""
    own = (host.v6.address, host.link_local)
    for sender in own:
        for target in own:
            for options in (None, b""):
                yield discovery.announcement(host.mac, sender, target, options=options, vlan=host.vlan)


class GratuitousArpIsLearnt(LeafTest):
    """Gratuitous ARP, request or reply, to all or to one MAC, with the port's own MAC and address is learn."""

    def runTest(self) -> None:
        for host in (RED_WEB1, RED_WEB2):
            for operation in (1, 2):
                for mac in (packets.BROADCAST, RED_WEB.gateway_mac):
                    with self.subTest(host=host.address, operation=operation, mac=mac):
                        message = _gratuitous(host, operation)
                        message.dst = mac
                        self.drops_with("learn", host.port, message)


class ForgedGratuitousArpIsSpoof(LeafTest):
    """Gratuitous ARP for another's address, or with a MAC that is not the port's own in either place, is spoof."""

    def runTest(self) -> None:
        for operation in (1, 2):
            sender_mac = _gratuitous(RED_WEB1, operation)
            sender_mac[ARP].hwsrc = _OTHER_MAC
            ethernet = _gratuitous(RED_WEB1, operation)
            ethernet.src = _OTHER_MAC
            forged = {
                "a neighbour's address": _gratuitous(RED_WEB1, operation, address=RED_WEB2.address),
                "the gateway's address": _gratuitous(RED_WEB1, operation, address=RED_WEB.gateway),
                "another subnet's address": _gratuitous(RED_WEB1, operation, address=RED_DB1.address),
                "a neighbour's identity": _gratuitous(RED_WEB2, operation),
                "sender MAC": sender_mac,
                "Ethernet source": ethernet,
            }
            for name, message in forged.items():
                with self.subTest(name, operation=operation):
                    self.drops_with("spoof", 1, packets.frame(message.src, message.dst, message[ARP]))


class RarpIsLearnt(LeafTest):
    """RARP with the port's own MAC, from 0.0.0.0 or the port's own address, is dropped as learn."""

    def runTest(self) -> None:
        for host in (RED_WEB1, RED_WEB2):
            for sender in ("0.0.0.0", host.address):
                with self.subTest(host=host.address, sender=sender):
                    self.drops_with("learn", host.port, _rarp(host, sender=sender))


class ForgedRarpIsSpoof(LeafTest):
    """RARP with a MAC that is not the port's own, or from an address that is not, is dropped with spoof."""

    def runTest(self) -> None:
        forged = {
            "MAC": _rarp(RED_WEB1, mac=_OTHER_MAC),
            "a neighbour's MAC": _rarp(RED_WEB1, mac=RED_WEB2.mac),
            "sender MAC": _rarp(RED_WEB1, sender_mac=RED_WEB2.mac),
            "sender address": _rarp(RED_WEB1, sender=RED_WEB2.address),
        }
        for name, message in forged.items():
            with self.subTest(name):
                self.drops_with("spoof", 1, message)


class AdvertisementsAreLearnt(LeafTest):
    """A neighbour advertisement for an own address, from an own address, to all nodes or to one host, is learn."""

    def runTest(self) -> None:
        for host in (RED_WEB1, RED_WEB2):
            for message in _advertisements(host):
                for mac in (discovery.ALL_NODES_MAC, RED_DB1.mac, RED_WEB3.mac, RED_WEB.gateway_mac):
                    with self.subTest(message=message.summary(), mac=mac):
                        message.dst = mac
                        self.drops_with("learn", host.port, message)


class ForgedAdvertisementsAreSpoof(LeafTest):
    """An advertisement for an address or with a link-layer option that is not the port's own is spoof."""

    def runTest(self) -> None:
        own = RED_WEB1.v6.address
        for target in (RED_WEB2.v6.address, RED_WEB2.link_local, RED_WEB.gateway_v6, "2001:db8:1::200"):
            with self.subTest("target", target=target):
                self.drops_with("spoof", 1, discovery.announcement(RED_WEB1.mac, own, target))
            with self.subTest("source and target", target=target):
                self.drops_with("spoof", 1, discovery.announcement(RED_WEB1.mac, target, target))
        for mac in (_OTHER_MAC, RED_WEB2.mac, RED_WEB.gateway_mac, f"06{RED_WEB1.mac[2:]}"):
            with self.subTest("target option", mac=mac):
                options = discovery.target_option(mac)
                self.drops_with("spoof", 1, discovery.announcement(RED_WEB1.mac, own, own, options=options))
            with self.subTest("Ethernet source", mac=mac):
                self.drops_with("spoof", 1, discovery.announcement(mac, own, own))


class ForeignAnnouncementsAreLearnt(LeafTest):
    """What a workload behind a foreign VTEP announces of its own is learn, what it forges is spoof."""

    def runTest(self) -> None:
        good = [_gratuitous(RED_FOREIGN, 1), _rarp(RED_FOREIGN), *_advertisements(RED_FOREIGN)]
        self.drops_with("learn", 5, *(from_tunnel(9, RED_WEB.vni, message) for message in good))
        own, other = RED_FOREIGN.v6.address, RED_WEB1.v6.address
        forged = [
            _gratuitous(RED_FOREIGN, 1, address=RED_WEB1.address),
            _rarp(RED_FOREIGN, mac=RED_WEB1.mac),
            discovery.announcement(RED_FOREIGN.mac, own, other),
            discovery.announcement(RED_FOREIGN.mac, own, own, options=discovery.target_option(RED_WEB1.mac)),
        ]
        self.drops_with("spoof", 5, *(from_tunnel(9, RED_WEB.vni, message) for message in forged))


class SecondAddressesAreLearnt(LeafTest):
    """An allowed pair may be announced like the port's first address, as long as source_guard has it."""

    def runTest(self) -> None:
        for address in ("10.0.1.50", "2001:db8:1::50"):
            if packets.is_v6(address):
                message = discovery.announcement(RED_WEB1.mac, address, address)
            else:
                message = _gratuitous(RED_WEB1, 1, address=address)
            with self.subTest(address=address):
                self.drops_with("spoof", 1, message)
                self.install([entries.guard(RED_WEB1.index, RED_WEB.domain, RED_WEB1.mac, address)])
                self.drops_with("learn", 1, message)
