# SPDX-License-Identifier: Apache-2.0
"""Random table states: entries that refer to each other, so that packets get far, with some of them missing."""

import random
from collections.abc import Iterator

from ptf_tests import entries, leaf
from ptf_tests.leaf import Host, Subnet
from ptf_tests.p4info import Action, Entry, Lpm, Match, Range, Ternary

_ACCESS_PORTS = (1, 2, 3, 4, 7, 8)
_VLANS = (0, 1, 100, 4094)
_TUNNELS = tuple(leaf.VTEPS)
_LABELS = (1, 2, 0x101, 0xFFFF)
_PROTOCOLS = (0, 1, 6, 17, 58)
_V6_PREFIX = 0x2001_0DB8 << 96
_PART_MISSING = 0.04
"""How often an entry is left out, so that misses happen everywhere."""


class RandomState:
    """What a leaf of a random fabric holds; the same generator state gives the same entries.

    Attributes:
        local: hosts that are attached here.
        remote: hosts behind the leaf's tunnels.
    """

    def __init__(self, draw_from: random.Random) -> None:
        self._random = draw_from
        self._trusted = {tunnel: draw_from.randrange(2) for tunnel in _TUNNELS}
        vrfs = draw_from.sample(range(1, 1 << 16), draw_from.randint(1, 3))
        domains = draw_from.sample(range(1, 1 << 16), draw_from.randint(2, 5))
        vnis = draw_from.sample(range(1 << 24), len(domains))
        # Two subnets of one VRF may overlap: entries allow it, whatever a controller makes of it.
        self._subnets = [
            Subnet(domain, draw_from.choice(vrfs), vni, f"10.0.{net}.1", f"02:00:5e:00:0{net}:01", f"2001:db8:{net}::1")
            for domain, vni in zip(domains, vnis, strict=True)
            for net in [draw_from.randint(1, 3)]
        ]
        places = [(port, vlan) for port in _ACCESS_PORTS for vlan in _VLANS]
        indexes = draw_from.sample(range(1, 0x1000), len(places))
        self.local = [
            self._host(port=port, vlan=vlan, index=index)
            for (port, vlan), index in zip(draw_from.sample(places, draw_from.randint(2, 10)), indexes, strict=False)
        ]
        self.remote = [self._host(tunnel=draw_from.choice(_TUNNELS)) for _ in range(draw_from.randint(1, 8))]

    def _host(self, *, port: int = 0, vlan: int = 0, index: int = 0, tunnel: int = 0) -> Host:
        subnet = self._random.choice(self._subnets)
        last = self._random.randint(2, 12)
        address = subnet.gateway.rpartition(".")[0] + f".{last}"
        mac = f"02:00:00:00:00:{last:02x}"
        address_v6 = f"{subnet.gateway_v6.removesuffix('1')}{last:x}"
        return Host(subnet, mac, address, self._random.choice(_LABELS), port, vlan, index, tunnel, address_v6)

    def entries(self) -> list[Entry]:
        """The entries, each key once, in an order in which they may be written."""
        chosen: dict[tuple[str, tuple[tuple[str, Match], ...]], Entry] = {}
        for entry in self._wanted():
            if self._random.random() >= _PART_MISSING:
                chosen.setdefault((entry.table, tuple(sorted(entry.match.items(), key=lambda item: item[0]))), entry)
        return list(chosen.values())

    def _wanted(self) -> Iterator[Entry]:
        yield from self._underlay()
        for subnet in self._subnets:
            yield from leaf.subnet_entries(subnet)
        for host in self.local:
            yield from leaf.attachment(host)
        for host in self.remote:
            yield entries.remote_mac(host.subnet.domain, host.mac, tunnel=host.tunnel, label=host.label)
            yield from leaf.host_entries(host)
            if not self._trusted[host.tunnel]:
                yield from leaf.guards(host)
        yield from self._routes()
        yield from self._policies()

    def _underlay(self) -> Iterator[Entry]:
        yield entries.local_vtep(leaf.VTEP)
        for port in leaf.FABRIC_PORTS:
            yield entries.fabric_port(port, leaf.ROUTER_MAC)
        for port in range(1, 9):
            yield entries.neighbor(port, leaf.ROUTER_MAC, f"02:fa:00:00:00:{port:02x}")
        for tunnel, address in leaf.VTEPS.items():
            yield entries.peer_vtep(address, tunnel, is_trusted=self._trusted[tunnel])
            yield entries.tunnel(tunnel, leaf.VTEP, address)
            yield entries.tunnel_next_hop(tunnel, *dict.fromkeys(self._random.choices(range(1, 9), k=2)))
            ports = self._random.choices(range(1, 9), k=self._random.choice((1, 1, 2, 3)))
            yield entries.underlay_route(f"{address}/32", *dict.fromkeys(ports))
        yield entries.underlay_route("10.255.0.0/24", self._random.randint(1, 8))

    def _routes(self) -> Iterator[Entry]:
        for _ in range(self._random.randint(0, 6)):
            length = self._random.choice((0, 8, 22, 23, 24, 28, 31, 32))
            address = 10 << 24 | self._random.randrange(4) << 8 | self._random.randrange(16)
            yield self._route("routes_v4", Lpm(address >> (32 - length) << (32 - length), length))
        for _ in range(self._random.randint(0, 6)):
            length = self._random.choice((0, 8, 32, 47, 48, 64, 124, 127, 128))
            address = _V6_PREFIX | self._random.randrange(4) << 80 | self._random.randrange(16)
            yield self._route("routes_v6", Lpm(address >> (128 - length) << (128 - length), length))

    def _route(self, table: str, prefix: Lpm) -> Entry:
        match: dict[str, Match] = {"vrf": self._random.choice(self._subnets).vrf, "dst_address": prefix}
        action = leaf.next_hop_of(self._random.choice((*self.local, *self.remote)))
        return Entry(table, match, Action("drop_route") if self._random.random() < 0.2 else action)

    def _policies(self) -> Iterator[Entry]:
        """Rules of different priority: between equal ones the switch may choose."""
        if self._random.random() < 0.6:
            yield entries.policy("permit", priority=1)
        for priority in range(2, 2 + self._random.randint(0, 8)):
            match: dict[str, Match] = {}
            for label in ("src_label", "dst_label"):
                mask = self._random.choice((0, 1, 0xFF00, 0xFFFF))
                if mask:
                    match[label] = Ternary(self._random.choice(_LABELS) & mask, mask)
            if self._random.random() < 0.5:
                match["ip_protocol"] = Ternary(self._random.choice(_PROTOCOLS), 0xFF)
            if self._random.random() < 0.5:
                low = self._random.choice((0, 80, 2000, self._random.randrange(1 << 16)))
                match["l4_dst_port"] = Range(low, self._random.choice((low, 0xFFFF, self._random.randint(low, 0xFFFF))))
                if self._random.random() < 0.8:
                    match["has_l4"] = Ternary(self._random.randrange(2), 1)
            yield Entry("policy", match, Action(self._random.choice(("permit", "deny"))), priority)
