# SPDX-License-Identifier: Apache-2.0
"""Source guard: a port sends only with its own MAC and addresses."""

from scapy.layers.inet import IP
from scapy.layers.l2 import ARP

from ptf_tests import packets
from ptf_tests.entries import guard
from ptf_tests.leaf import (
    RED_DB1,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    LeafTest,
    delivered,
)

_OTHER_MAC = "02:00:00:00:01:66"


class ForeignSourceMacIsDropped(LeafTest):
    """A frame with a MAC that is not the port's own is dropped with spoof, bridged or routed."""

    def runTest(self) -> None:
        layer = packets.udp(RED_WEB1.address, RED_WEB2.address)
        for mac in (_OTHER_MAC, RED_WEB2.mac, RED_WEB.gateway_mac):
            for destination in (RED_WEB2.mac, RED_WEB.gateway_mac):
                with self.subTest(source=mac, destination=destination):
                    self.drops_with("spoof", 1, packets.frame(mac, destination, layer))


class ForeignSourceAddressIsDropped(LeafTest):
    """A packet with an address that is not the port's own is dropped with spoof, even the address of a neighbour."""

    def runTest(self) -> None:
        for address in (RED_WEB2.address, RED_DB1.address, "192.0.2.1", RED_WEB.gateway):
            for destination in (RED_WEB2.mac, RED_WEB.gateway_mac):
                with self.subTest(source=address, destination=destination):
                    self.drops_with("spoof", 1, RED_WEB1.to(destination, packets.udp(address, RED_DB1.address)))


class AllowedPairIsServed(LeafTest):
    """A second address of a port may be used as soon as it is in source_guard, and no longer than that."""

    def runTest(self) -> None:
        pair = guard(RED_WEB1.index, RED_WEB.domain, RED_WEB1.mac, "10.0.1.50")
        frame = RED_WEB1.to(RED_WEB2, packets.udp("10.0.1.50", RED_WEB2.address))
        self.drops_with("spoof", 1, frame)
        self.install([pair])
        self.forwards(1, frame, (2, delivered(RED_WEB2, frame)))
        self.remove([pair])
        self.drops_with("spoof", 1, frame)


class AnotherPortsPairIsNoUse(LeafTest):
    """MAC and address of a host that is attached elsewhere do not open another port, nor another VLAN of the port."""

    def runTest(self) -> None:
        with self.subTest("another port"):
            frame = packets.frame(RED_WEB2.mac, RED_WEB1.mac, packets.udp(RED_WEB2.address, RED_WEB1.address))
            self.drops_with("spoof", 1, frame)
        with self.subTest("another VLAN"):
            layer = packets.udp(RED_WEB2.address, RED_DB1.address)
            self.drops_with("spoof", 2, packets.frame(RED_WEB2.mac, RED_DB1.mac, layer, vlan=200))


class ForgedArpSenderIsDropped(LeafTest):
    """An ARP message whose sender fields or Ethernet source are not the port's own is dropped with spoof."""

    def runTest(self) -> None:
        good = packets.arp_request(RED_WEB1.mac, RED_WEB1.address, RED_WEB2.address)
        changes = {
            "sender address": {"psrc": RED_WEB2.address},
            "sender address is the gateway's": {"psrc": RED_WEB.gateway},
            "sender MAC": {"hwsrc": _OTHER_MAC},
            "sender MAC, first octet": {"hwsrc": f"06{RED_WEB1.mac[2:]}"},
            "probe with a forged MAC": {"psrc": "0.0.0.0", "hwsrc": _OTHER_MAC},
        }
        for name, change in changes.items():
            for operation in (1, 2):
                with self.subTest(name, operation=operation):
                    forged = good.copy()
                    for field, value in {**change, "op": operation}.items():
                        setattr(forged[ARP], field, value)
                    self.drops_with("spoof", 1, forged)
        with self.subTest("Ethernet source"):
            forged = good.copy()
            forged.src = _OTHER_MAC
            self.drops_with("spoof", 1, forged)


class GuardHoldsForEveryProtocol(LeafTest):
    """Fragments and unknown IP protocols are guarded as well."""

    def runTest(self) -> None:
        forged = IP(src=RED_WEB2.address, dst=RED_DB1.address)
        layers = {
            "later fragment": IP(src=forged.src, dst=forged.dst, frag=100, proto=17) / packets.payload(),
            "protocol 253": IP(src=forged.src, dst=forged.dst, proto=253) / packets.payload(),
        }
        for name, layer in layers.items():
            with self.subTest(name):
                self.drops_with("spoof", 1, RED_WEB1.to(RED_WEB.gateway_mac, layer))


class ProbeWithForeignMacIsDropped(LeafTest):
    """An ARP probe from a MAC that is not the port's own is dropped with spoof, though its fields agree."""

    def runTest(self) -> None:
        for mac in (_OTHER_MAC, RED_WEB2.mac, RED_WEB.gateway_mac):
            with self.subTest(mac=mac):
                self.drops_with("spoof", 1, packets.arp_request(mac, "0.0.0.0", RED_WEB2.address))
