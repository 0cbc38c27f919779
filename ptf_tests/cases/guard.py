# SPDX-License-Identifier: Apache-2.0
"""Source guard: a port sends only with its own MAC and addresses."""

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP
from scapy.packet import Packet

from ptf_tests import discovery, packets
from ptf_tests.entries import guard
from ptf_tests.leaf import (
    RED_DB1,
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
    routed_to,
)
from ptf_tests.tunnels import TunnelTest

_OTHER_MAC = "02:00:00:00:01:66"


class ForeignSourceMacIsDropped(LeafTest):
    """A frame with a MAC that is not the port's own is dropped with spoof, bridged or routed."""

    def runTest(self) -> None:
        for source, target in by_family((RED_WEB1, RED_WEB2)):
            layer = packets.udp(source.address, target.address)
            for mac in (_OTHER_MAC, RED_WEB2.mac, RED_WEB.gateway_mac):
                for destination in (RED_WEB2.mac, RED_WEB.gateway_mac):
                    with self.subTest(source=mac, address=source.address, destination=destination):
                        self.drops_with("spoof", 1, packets.frame(mac, destination, layer))


class ForeignSourceAddressIsDropped(LeafTest):
    """A packet with an address that is not the port's own is dropped with spoof, even the address of a neighbour."""

    def runTest(self) -> None:
        for source, neighbour, target in by_family((RED_WEB1, RED_WEB2, RED_DB1)):
            outside = "2001:db8:ffff::1" if packets.is_v6(source.address) else "192.0.2.1"
            for address in (neighbour.address, target.address, outside, source.gateway):
                for destination in (RED_WEB2.mac, RED_WEB.gateway_mac):
                    with self.subTest(source=address, destination=destination):
                        self.drops_with("spoof", 1, source.to(destination, packets.udp(address, target.address)))


class LinkLocalSourceIsTheMacs(LeafTest):
    """A link-local source passes, to a neighbour's link-local address, only if it is made of the port's own MAC."""

    def runTest(self) -> None:
        for source, target in ((RED_WEB1, RED_WEB2), (RED_WEB2, RED_WEB1)):
            with self.subTest(source=source.link_local):
                frame = source.to(target, packets.udp(source.link_local, target.link_local))
                self.forwards(source.port, frame, (target.port, delivered(target, frame)))
        for address in (RED_WEB2.link_local, packets.link_local(RED_WEB.gateway_mac), "fe80::1", "fe80::11"):
            with self.subTest(source=address):
                frame = RED_WEB1.to(RED_WEB2, packets.udp(address, RED_WEB2.link_local))
                self.drops_with("spoof", 1, frame)
        with self.subTest("another port's MAC and address"):
            frame = RED_WEB2.to(RED_WEB1, packets.udp(RED_WEB2.link_local, RED_WEB1.link_local))
            self.drops_with("spoof", 1, packets.frame(frame.src, frame.dst, frame.payload.payload))


class AllowedPairIsServed(LeafTest):
    """A second address of a port may be used as soon as it is in source_guard, and no longer than that."""

    def runTest(self) -> None:
        for target, second in ((RED_WEB2, "10.0.1.50"), (RED_WEB2.v6, "2001:db8:1::50")):
            with self.subTest(second=second):
                pair = guard(RED_WEB1.index, RED_WEB.domain, RED_WEB1.mac, second)
                frame = RED_WEB1.to(target, packets.udp(second, target.address))
                self.drops_with("spoof", 1, frame)
                self.install([pair])
                self.forwards(1, frame, (2, delivered(target, frame)))
                routed = RED_WEB1.to(RED_WEB.gateway_mac, packets.udp(second, target.address))
                self.forwards(1, routed, (2, delivered(target, routed_to(target, routed))))
                self.remove([pair])
                self.drops_with("spoof", 1, frame)


class AnotherPortsPairIsNoUse(LeafTest):
    """MAC and address of a host that is attached elsewhere do not open another port, nor another VLAN of the port."""

    def runTest(self) -> None:
        for first, second, third in by_family((RED_WEB1, RED_WEB2, RED_DB1)):
            with self.subTest("another port", source=second.address):
                frame = packets.frame(second.mac, first.mac, packets.udp(second.address, first.address))
                self.drops_with("spoof", 1, frame)
            with self.subTest("another VLAN", source=second.address):
                layer = packets.udp(second.address, third.address)
                self.drops_with("spoof", 2, packets.frame(second.mac, third.mac, layer, vlan=200))


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
    """Fragments, extension headers and unknown IP protocols are guarded as well."""

    def runTest(self) -> None:
        forged = IP(src=RED_WEB2.address, dst=RED_DB1.address)
        forged_v6 = packets.udp(RED_WEB2.v6.address, RED_DB1.v6.address)
        layers: dict[str, Packet] = {
            "later fragment": IP(src=forged.src, dst=forged.dst, frag=100, proto=17) / packets.payload(),
            "protocol 253": IP(src=forged.src, dst=forged.dst, proto=253) / packets.payload(),
            "IPv6, first fragment": packets.fragment(forged_v6, offset=0),
            "IPv6, later fragment": packets.fragment(forged_v6, offset=100),
            "IPv6, hop-by-hop": packets.with_extension(forged_v6, 0),
            "IPv6, destination options": packets.with_extension(forged_v6, 60),
            "IPv6, no next header": IPv6(src=forged_v6.src, dst=forged_v6.dst, nh=59),
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


class ForgedNeighborSenderIsDropped(LeafTest):
    """A solicitation whose source, Ethernet source or link-layer option is not the port's own is dropped with spoof."""

    def runTest(self) -> None:
        own, target = RED_WEB1.v6.address, RED_WEB2.v6.address
        for mac in (_OTHER_MAC, RED_WEB2.mac, RED_WEB.gateway_mac, f"06{RED_WEB1.mac[2:]}", f"{RED_WEB1.mac[:-2]}19"):
            for sender in (own, RED_WEB1.link_local, discovery.UNSPECIFIED):
                with self.subTest("option", mac=mac, sender=sender):
                    option = discovery.source_option(mac)
                    self.drops_with("spoof", 1, discovery.solicitation(RED_WEB1.mac, sender, target, options=option))
            for options in (None, b""):
                with self.subTest("Ethernet source", mac=mac, options=options):
                    self.drops_with("spoof", 1, discovery.solicitation(mac, own, target, options=options))
        for sender in (RED_WEB2.v6.address, RED_WEB2.link_local, RED_WEB.gateway_v6, RED_DB1.v6.address):
            for options in (None, b""):
                with self.subTest("source", sender=sender, options=options):
                    request = discovery.solicitation(RED_WEB1.mac, sender, target, options=options)
                    self.drops_with("spoof", 1, request)


class DetectionWithForeignMacIsDropped(LeafTest):
    """A solicitation from :: with a MAC that is not the port's own is dropped with spoof, with a nonce or without."""

    def runTest(self) -> None:
        for mac in (_OTHER_MAC, RED_WEB2.mac, RED_WEB.gateway_mac):
            for options in (b"", discovery.nonce_option(bytes(range(6)))):
                for target in (RED_WEB2.v6.address, RED_WEB1.v6.address, RED_WEB.gateway_v6):
                    with self.subTest(mac=mac, target=target, options=options):
                        request = discovery.solicitation(mac, discovery.UNSPECIFIED, target, options=options)
                        self.drops_with("spoof", 1, request)


class RouterMessagesAreSpoof(LeafTest):
    """A router advertisement or redirect of a tenant is dropped with spoof (RFC 6105)."""

    def runTest(self) -> None:
        advertisement, redirect = 134, 137
        everybody = "33:33:00:00:00:01"
        for sender in (RED_WEB1.v6.address, RED_WEB1.link_local, RED_WEB.gateway_v6):
            for kind in (advertisement, redirect):
                for mac, target in ((RED_WEB2.mac, RED_WEB2.v6.address), (everybody, "ff02::1")):
                    with self.subTest(kind=kind, sender=sender, target=target):
                        message = packets.icmp(sender, target, kind, ttl=255)
                        self.drops_with("spoof", 1, RED_WEB1.to(mac, message))
        for kind in (advertisement, redirect):
            with self.subTest("behind a foreign VTEP", kind=kind):
                message = packets.icmp(RED_FOREIGN.link_local, RED_WEB1.link_local, kind, ttl=255)
                self.drops_with("spoof", 5, from_tunnel(9, RED_WEB.vni, RED_FOREIGN.to(RED_WEB1, message)))


class HiddenDiscoveryIsDropped(TunnelTest):
    """With hop limit 255, what neighbour discovery might hide behind is spoof: any extension header, any fragment.

    RFC 6980, RFC 7113. From tenants' ports and foreign VTEPs, whatever is behind, with tags and without.
    """

    def runTest(self) -> None:
        for source, target in ((RED_WEB1.v6, RED_WEB2.v6), (RED_WEB2.v6, RED_WEB1.v6), (RED_FOREIGN.v6, RED_WEB1.v6)):
            for name, layer in _hidden(source.address, target.address, hop_limit=255).items():
                with self.subTest(name, source=source.address):
                    self.drops_with("spoof", *self._enters(source, source.to(target, layer)))

    def _enters(self, source: Host, frame: Packet) -> tuple[int, Packet]:
        return (source.port, frame) if source.port else (5, self.arrives(9, source.subnet, frame))


class ExtensionHeadersOfOthersPass(TunnelTest):
    """The same with any other hop limit passes, and with 255 what shows its protocol, or comes from a leaf of ours."""

    def runTest(self) -> None:
        for hop_limit in (1, 64, 254):
            for name, layer in _hidden(RED_WEB1.address_v6, RED_WEB2.address_v6, hop_limit=hop_limit).items():
                with self.subTest(name, hop_limit=hop_limit):
                    frame = RED_WEB1.to(RED_WEB2, layer)
                    self.forwards(1, frame, (2, delivered(RED_WEB2, frame)))
        ends = RED_WEB1.address_v6, RED_WEB2.address_v6
        plain = {
            "udp": packets.udp(*ends, ttl=255),
            "echo": packets.icmp(*ends, ttl=255),
            "fragment of udp": packets.fragment(packets.udp(*ends, ttl=255), offset=0),
            "later fragment of udp": packets.fragment(packets.udp(*ends, ttl=255), offset=9),
        }
        for name, layer in plain.items():
            with self.subTest(name):
                frame = RED_WEB1.to(RED_WEB2, layer)
                self.forwards(1, frame, (2, delivered(RED_WEB2, frame)))
        for name, layer in _hidden(RED_WEB3.address_v6, RED_WEB1.address_v6, hop_limit=255).items():
            with self.subTest(name, source="a leaf of ours"):
                inner = RED_WEB3.to(RED_WEB1, layer)
                self.forwards(5, self.arrives(2, RED_WEB, inner), (1, inner))


def _hidden(src: str, dst: str, *, hop_limit: int) -> dict[str, Packet]:
    """Packets that may hold neighbour discovery behind something."""
    message = packets.icmp(src, dst, 134, ttl=hop_limit)
    headers = {"hop by hop": 0, "routing": 43, "authentication": 51, "destination options": 60}
    headers |= {"mobility": 135, "HIP": 139, "shim6": 140}
    result = {name: packets.with_extension(message, number) for name, number in headers.items()}
    for offset in (0, 9):
        for is_last in (False, True):
            result[f"fragment at {offset}, last {is_last}"] = packets.fragment(message, offset=offset, is_last=is_last)
    result["options in a fragment"] = packets.fragment(packets.with_extension(message, 60), offset=0)
    result["fragment in a fragment"] = packets.fragment(packets.fragment(message, offset=0), offset=0)
    result["fragment behind options"] = packets.with_extension(packets.fragment(message, offset=0), 0)
    return result
