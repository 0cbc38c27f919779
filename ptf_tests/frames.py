# SPDX-License-Identifier: Apache-2.0
"""Random frames of both families towards what is installed: good ones, and good ones with something broken."""

import random
from collections.abc import Sequence

from scapy.layers.inet6 import IPv6
from scapy.packet import Packet

from ptf_tests import discovery, leaf, packets
from ptf_tests.leaf import Host
from ptf_tests.tunnels import OVER_V4, OVER_V6

_LONGEST = 1600
_MUTATED = 150
"""Octets in which bits change: all headers of an inner IPv6 packet, and its neighbour discovery."""
_INTERESTING = bytes.fromhex("00 01 04 05 06 11 2c 3a 45 46 4f 60 7f 80 81 86 87 88 dd fe ff")
_SHORTEST_ON_A_NIC = 15
_SHORTEST_WITH_TAG = 20
_TENANT_VLANS = (None, None, None, None, 1, 100, 0xFFF)
"""A tenant's own tag on a frame that needs none; mostly none."""
_TAG_TYPES = (b"\x81\x00", b"\x88\xa8")

Sent = tuple[int, bytes]


class Frames:
    """A stream of frames from these hosts, local and behind tunnels, to hosts of the same VRF."""

    def __init__(
        self, draw_from: random.Random, local: Sequence[Host], remote: Sequence[Host], *, is_on_nic: bool
    ) -> None:
        self._random = draw_from
        self._local = local
        self._remote = remote
        self._is_on_nic = is_on_nic

    def draw(self) -> Sent:
        """The next frame and the port it goes into."""
        port, packet = self._tunnelled() if self._random.random() < 0.5 else self._from_access()
        raw = bytearray(bytes(packet))
        mutate = self._random.choice((self._keep, self._keep, self._flip, self._poke, self._cut, self._extend))
        mutate(raw)
        if self._random.random() < 0.05:
            port = self._random.randint(1, 8)
        return port, self._sendable(bytes(raw[:_LONGEST]))

    def _sendable(self, raw: bytes) -> bytes:
        """Linux delivers no frame below its Ethernet header, and none with half an 802.1Q tag."""
        if not self._is_on_nic:
            return raw
        raw = raw.ljust(_SHORTEST_ON_A_NIC, b"\0")
        return raw.ljust(_SHORTEST_WITH_TAG, b"\0") if raw[12:14] in _TAG_TYPES else raw

    def _from_access(self) -> tuple[int, Packet]:
        source = self._random.choice(self._local)
        return source.port, self._tenant_frame(source, tagged=True)

    def _tunnelled(self) -> tuple[int, Packet]:
        source = self._random.choice(self._remote)
        inner = self._tenant_frame(source, tagged=False)
        if self._random.random() < 0.1:
            inner = self._encapsulated(source, inner)
        return self._random.choice(leaf.FABRIC_PORTS), self._encapsulated(source, inner)

    def _encapsulated(self, source: Host, inner: Packet) -> Packet:
        """The frame as the host's VTEP may send it: over either family, marked, as VXLAN or VXLAN-GBP."""
        return (
            self._random.choice((OVER_V4, OVER_V6))
            .received(source.tunnel, source.subnet)
            .around(
                inner,
                tos=self._traffic_class(),
                sport=self._random.randrange(1 << 16),
                flow_label=self._random.randrange(1 << 20),
                flags=self._random.choice((0x08, 0x08, 0x88)),
                policy_flags=self._random.choice((0, 0x08)),
                group=self._random.choice((0, source.label, self._random.randrange(1 << 16))),
            )
        )

    def _traffic_class(self) -> int:
        """DSCP and congestion mark; often none."""
        return self._random.choice((0, 0, 1, 2, 3, self._random.randrange(1 << 8)))

    def _marked(self, layer: Packet) -> Packet:
        setattr(layer, "tc" if isinstance(layer, IPv6) else "tos", self._traffic_class())
        return layer

    def _to_group(self, source: Host, vlan: int | None) -> Packet:
        """Broadcast or multicast of the host's subnet."""
        groups = (packets.BROADCAST, "255.255.255.255"), ("01:00:5e:00:00:fb", "224.0.0.251")
        mac, group = ("33:33:00:00:00:fb", "ff02::fb") if packets.is_v6(source.address) else self._random.choice(groups)
        return packets.frame(source.mac, mac, self._marked(self._layer(source.address, group)), vlan=vlan)

    def _tenant_frame(self, source: Host, *, tagged: bool) -> Packet:
        hosts = [host for host in (*self._local, *self._remote) if host.subnet.vrf == source.subnet.vrf]
        target = self._random.choice(hosts)
        vlan = (source.vlan if tagged else None) or self._random.choice(_TENANT_VLANS)
        if self._random.random() < 0.5:
            source, target = source.v6, target.v6
        if self._random.random() < 0.2:
            if self._random.random() < 0.2:
                return self._router_question(source, vlan or 0)
            if self._random.random() < 0.3:
                return self._announcement(source, vlan or 0)
            return self._question(source, target, vlan or 0)
        if self._random.random() < 0.15:
            return self._to_group(source, vlan or None)
        is_bridged = target.subnet == source.subnet and self._random.random() < 0.8
        mac = target.mac if is_bridged else source.subnet.gateway_mac
        src, dst = source.address, target.address
        if self._random.random() < 0.05:
            mac, dst = source.subnet.gateway_mac, source.gateway
        if packets.is_v6(src) and self._random.random() < 0.15:
            src, dst = self._random.choice(((source.link_local, target.link_local), (src, target.link_local)))
        return packets.frame(source.mac, mac, self._marked(self._layer(src, dst)), vlan=vlan or None)

    def _question(self, source: Host, target: Host, vlan: int) -> Packet:
        """ARP request or neighbour solicitation, also as a probe, for an address that may or may not be known."""
        if not packets.is_v6(source.address):
            asked = self._random.choice((target.address, source.gateway, source.address))
            sender = self._random.choice((source.address, source.address, "0.0.0.0"))
            return packets.arp_request(source.mac, sender, asked, vlan=vlan or None)
        known = (target.address, target.link_local, source.gateway, packets.link_local(source.subnet.gateway_mac))
        asked = self._random.choice((*known, source.address, source.link_local))
        sender = self._random.choice((source.address, source.link_local, discovery.UNSPECIFIED))
        option = discovery.source_option(source.mac)
        nonce = discovery.nonce_option(self._random.randbytes(6))
        return discovery.solicitation(
            source.mac,
            sender,
            asked,
            options=self._random.choice((None, None, b"", nonce, option + nonce, option[:5])),
            to_mac=self._random.choice(("", "", target.mac, source.subnet.gateway_mac)),
            hop_limit=self._random.choice((255, 255, 255, 254)),
            code=self._random.choice((0, 0, 0, 0, 1)),
            vlan=vlan,
        )

    def _router_question(self, source: Host, vlan: int) -> Packet:
        """A router solicitation, some of them not quite."""
        sender = self._random.choice((source.address_v6, source.link_local, discovery.UNSPECIFIED))
        hop_limit, code = self._random.choice((255, 255, 255, 64)), self._random.choice((0, 0, 0, 1))
        return discovery.router_solicitation(source.mac, sender, hop_limit=hop_limit, code=code, vlan=vlan)

    def _announcement(self, source: Host, vlan: int) -> Packet:
        """Gratuitous ARP or unsolicited neighbour advertisement."""
        if not packets.is_v6(source.address):
            return packets.arp_request(source.mac, source.address, source.address, vlan=vlan or None)
        own = (source.address, source.link_local)
        options = self._random.choice((None, b"", discovery.target_option(source.subnet.gateway_mac)))
        target = self._random.choice((*own, source.gateway))
        return discovery.announcement(source.mac, self._random.choice(own), target, options=options, vlan=vlan)

    def _layer(self, src: str, dst: str) -> Packet:
        ttl = self._random.choice((0, 1, 2, 64, 255))
        port = self._random.choice((80, 2000, 2500, 4789, self._random.randrange(1 << 16)))
        kind = self._random.randrange(4)
        if kind == 0:
            return packets.tcp(src, dst, self._random.randrange(1 << 16), port, ttl=ttl)
        if kind == 1:
            number = self._random.choice((0, 1, 2, 3, 8, 11, 128, 129, 135, 136))
            return packets.icmp(src, dst, number, self._random.choice((0, 0, 1, 15)), ttl=ttl)
        layer = packets.udp(src, dst, 1234, port, ttl=ttl, length=self._random.choice((0, 1, 18, 500, 1400)))
        if packets.is_v6(src) and self._random.random() < 0.1:
            layer = packets.with_extension(layer, self._random.choice((0, 43, 51, 60, 135)))
        if kind == 2:
            offset = self._random.choice((0, 0, 1, 100))
            layer = packets.fragment(layer, offset=offset, is_last=self._random.random() < 0.5)
        return layer

    def _keep(self, raw: bytearray) -> None:
        """A frame as it is."""

    def _flip(self, raw: bytearray) -> None:
        for _ in range(self._random.randint(1, 4)):
            raw[self._random.randrange(min(len(raw), _MUTATED))] ^= 1 << self._random.randrange(8)

    def _poke(self, raw: bytearray) -> None:
        for _ in range(self._random.randint(1, 3)):
            raw[self._random.randrange(min(len(raw), _MUTATED))] = self._random.choice(_INTERESTING)

    def _cut(self, raw: bytearray) -> None:
        del raw[self._random.randrange(1, len(raw)) :]

    def _extend(self, raw: bytearray) -> None:
        raw.extend(self._random.randbytes(self._random.randint(1, 64)))
