# SPDX-License-Identifier: Apache-2.0
"""Random frames towards what is installed: good ones, and good ones with something broken."""

import random
from collections.abc import Sequence

from scapy.layers.inet import UDP
from scapy.packet import Packet

from ptf_tests import leaf, packets
from ptf_tests.leaf import Host

_LONGEST = 1600
_INTERESTING = (0x00, 0x01, 0x04, 0x05, 0x06, 0x11, 0x45, 0x46, 0x4F, 0x7F, 0x80, 0x81, 0xFE, 0xFF)
_SHORTEST_ON_A_NIC = 15
_SHORTEST_WITH_TAG = 20
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
            inner = leaf.from_tunnel(source.tunnel, source.subnet.vni, inner)
        outer = leaf.from_tunnel(source.tunnel, source.subnet.vni, inner)
        outer[UDP].sport = self._random.randrange(1 << 16)
        return self._random.choice(leaf.FABRIC_PORTS), outer

    def _tenant_frame(self, source: Host, *, tagged: bool) -> Packet:
        hosts = [host for host in (*self._local, *self._remote) if host.subnet.vrf == source.subnet.vrf]
        target = self._random.choice(hosts)
        vlan = source.vlan if tagged else None
        if self._random.random() < 0.15:
            address = self._random.choice((target.address, source.subnet.gateway, source.address))
            return packets.arp_request(source.mac, source.address, address, vlan=vlan or None)
        is_bridged = target.subnet == source.subnet and self._random.random() < 0.8
        mac = target.mac if is_bridged else source.subnet.gateway_mac
        return packets.frame(source.mac, mac, self._layer(source.address, target.address), vlan=vlan or None)

    def _layer(self, src: str, dst: str) -> Packet:
        ttl = self._random.choice((0, 1, 2, 64, 255))
        port = self._random.choice((80, 2000, 2500, 4789, self._random.randrange(1 << 16)))
        kind = self._random.randrange(4)
        if kind == 0:
            return packets.tcp(src, dst, self._random.randrange(1 << 16), port, ttl=ttl)
        if kind == 1:
            return packets.icmp(src, dst, self._random.choice((0, 3, 8, 11)), self._random.randrange(16), ttl=ttl)
        layer = packets.udp(src, dst, 1234, port, ttl=ttl, length=self._random.choice((0, 1, 18, 500, 1400)))
        if kind == 2:
            layer.frag = self._random.choice((0, 1, 100))
            layer.flags = self._random.choice(("MF", "DF", 0))
        return layer

    def _keep(self, raw: bytearray) -> None:
        """A frame as it is."""

    def _flip(self, raw: bytearray) -> None:
        for _ in range(self._random.randint(1, 4)):
            raw[self._random.randrange(min(len(raw), 110))] ^= 1 << self._random.randrange(8)

    def _poke(self, raw: bytearray) -> None:
        for _ in range(self._random.randint(1, 3)):
            raw[self._random.randrange(min(len(raw), 110))] = self._random.choice(_INTERESTING)

    def _cut(self, raw: bytearray) -> None:
        del raw[self._random.randrange(1, len(raw)) :]

    def _extend(self, raw: bytearray) -> None:
        raw.extend(self._random.randbytes(self._random.randint(1, 64)))
