# SPDX-License-Identifier: Apache-2.0
"""Random table states: entries that refer to each other, so that packets get far, with some of them missing."""

import random
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

from ptf_tests import entries, leaf
from ptf_tests.base import DROP_REASONS
from ptf_tests.leaf import Host, Subnet
from ptf_tests.p4info import Action, CloneSession, Entry, Lpm, Match, MulticastGroup, Range, Ternary
from ptf_tests.tunnels import OVER_V4, OVER_V6

_ACCESS_PORTS = (1, 2, 3, 4, 7, 8)
_VLANS = (0, 1, 100, 4094)
_TUNNELS = tuple(leaf.VTEPS)
_LABELS = (1, 2, 0x101, 0xFFFF)
_PROTOCOLS = (0, 1, 6, 17, 58)
_V6_PREFIX = 0x2001_0DB8 << 96
_MTUS = (64, 100, 600, 1500)
_TRAPPED = (0x0806, 0x86DD, 0x88CC)
_CPU_PORT = 510
_MIRRORS = (2, 4, 1022)
_PART_MISSING = 0.04
"""How often an entry is left out, so that misses happen everywhere."""
_PART_CANDIDATE = 0.15
_PART_MOVED = 0.3


class RandomState:
    """What a leaf of a random fabric holds; the same generator state gives the same entries.

    Attributes:
        local: hosts that are attached here.
        remote: hosts behind the leaf's tunnels.
        groups: multicast groups that the entries name.
        sessions: clone sessions that rules name, and that of the controller.
        shown: reasons for which drops of ingress are shown to the controller.
        shown_by_egress: the same for egress.
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
        self.groups = list(self._groups())
        self.sessions = list(self._sessions())
        self.shown = draw_from.sample(sorted(DROP_REASONS.values()), draw_from.choice((0, 3, 10)))
        self.shown_by_egress = draw_from.sample(sorted(DROP_REASONS.values()), draw_from.choice((0, 10)))

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
        yield from self._mtus()
        yield from self._transparency()
        for subnet in self._subnets:
            yield from leaf.subnet_entries(subnet)
        for host in self.local:
            # Whose port may move here, but has not, has everything else all the same: entries allow it.
            if self._random.random() < _PART_CANDIDATE:
                yield entries.candidate(host.port, host.vlan, index=host.index, domain=host.subnet.domain)
            yield from leaf.attachment(host)
        for host in self.remote:
            to_remote = entries.redirect_mac if self._random.random() < _PART_MOVED else entries.remote_mac
            yield to_remote(host.subnet.domain, host.mac, tunnel=host.tunnel, label=host.label)
            yield from leaf.host_entries(host)
            if not self._trusted[host.tunnel]:
                yield from leaf.guards(host)
        yield from self._routes()
        yield from self._policies()
        yield from self._acls()
        yield from self._floods()
        yield from self._traps()

    def _underlay(self) -> Iterator[Entry]:
        yield entries.local_vtep(OVER_V4.vtep)
        yield entries.local_vtep(OVER_V6.vtep)
        for port in leaf.FABRIC_PORTS:
            yield entries.fabric_port(port, leaf.ROUTER_MAC, tier=self._random.randrange(4))
        for port in range(1, 9):
            yield entries.neighbor(port, leaf.ROUTER_MAC, f"02:fa:00:00:00:{port:02x}")
        for tunnel in _TUNNELS:
            yield from self._tunnel(tunnel)
            yield entries.tunnel_next_hop(tunnel, *dict.fromkeys(self._random.choices(range(1, 9), k=2)))
            for underlay in (OVER_V4, OVER_V6):
                ports = self._random.choices(range(1, 9), k=self._random.choice((1, 1, 2, 3)))
                yield entries.underlay_route(str(ip_network(underlay.vteps[tunnel])), *dict.fromkeys(ports))
        for prefix in ("10.255.0.0/24", "2001:db8:ff::/64"):
            yield entries.underlay_route(prefix, self._random.randint(1, 8))

    def _tunnel(self, tunnel: int) -> Iterator[Entry]:
        """A peer in its modes: it may send over both families, and is sent to over one."""
        bit = self._random.randrange
        for underlay in (OVER_V4, OVER_V6):
            address, is_trusted = underlay.vteps[tunnel], self._trusted[tunnel]
            yield entries.peer_vtep(address, tunnel, is_trusted=is_trusted, is_gbp=bit(2), is_dscp_uniform=bit(2))
        underlay = self._random.choice((OVER_V4, OVER_V6))
        yield entries.tunnel(
            tunnel,
            underlay.vtep,
            underlay.vteps[tunnel],
            is_ecn_compatible=bit(2),
            is_dscp_uniform=bit(2),
            dscp=bit(64),
            is_gbp=bit(2),
            is_udp_checksum=bit(2),
        )

    def _mtus(self) -> Iterator[Entry]:
        """Some attachments and VNIs with an MTU that many packets are beyond."""
        for host in self.local:
            if self._random.random() < 0.3:
                [attached, *_] = leaf.attachment(host)
                yield self._with(attached, mtu=self._random.choice(_MTUS))
        for subnet in self._subnets:
            if self._random.random() < 0.3:
                [vni, *_] = leaf.subnet_entries(subnet)
                yield self._with(vni, mtu=self._random.choice(_MTUS), is_vlan_transparent=self._random.randrange(2))

    def _transparency(self) -> Iterator[Entry]:
        """Some ports and VNIs that carry tenants' own tags, together or not."""
        for port in _ACCESS_PORTS:
            if self._random.random() < 0.3:
                yield entries.transparent_port(port)
        for subnet in self._subnets:
            if self._random.random() < 0.4:
                [vni, *_] = leaf.subnet_entries(subnet)
                yield self._with(vni, is_vlan_transparent=1)

    def _with(self, entry: Entry, **params: int) -> Entry:
        if not isinstance(entry.action, Action) or not params.keys() <= entry.action.params.keys():
            raise ValueError(f"{entry.table} has no {', '.join(params)}")
        return replace(entry, action=Action(entry.action.name, {**entry.action.params, **params}))

    def _groups(self) -> Iterator[MulticastGroup]:
        """For each subnet its members here, with those behind tunnels and without; some are missing."""
        for number, subnet in enumerate(self._subnets):
            here = [(host.port, host.index) for host in self.local if host.subnet == subnet]
            there = [
                (self._random.choice(leaf.FABRIC_PORTS), entries.FOREIGN_PORT_INDEX | tunnel)
                for tunnel in sorted({host.tunnel for host in self.remote if host.subnet == subnet})
            ]
            for is_terminated, members in enumerate(((*here, *there), tuple(here))):
                if self._random.random() < 0.8:
                    yield MulticastGroup(2 * number + 1 + is_terminated, members)

    def _sessions(self) -> Iterator[CloneSession]:
        """The controller's, and for each mirror one without the controller and one with it; some are missing."""
        controller = (_CPU_PORT, 0)
        if self._random.random() < 0.9:
            yield CloneSession(1, (controller,))
        for mirror in _MIRRORS:
            host = self._random.choice(self.local)
            target = (host.port, self._random.choice((host.index, host.index, 0xFFF)))
            for session, replicas in ((mirror, (target,)), (mirror + 1, (target, controller))):
                if self._random.random() < 0.9:
                    yield CloneSession(session, replicas)

    def _floods(self) -> Iterator[Entry]:
        for group in self.groups:
            number, is_terminated = divmod(group.group_id - 1, 2)
            yield entries.flood(self._subnets[number].domain, is_terminated, group.group_id)

    def _acls(self) -> Iterator[Entry]:
        """Rules of different priority, as those of policy."""
        for direction in ("ingress", "egress"):
            for family, prefixes in (
                ("v4", ("10.0.0.0/8", "10.0.1.0/24", "10.0.2.0/29", "10.0.3.4/32")),
                ("v6", ("2001:db8::/32", "2001:db8:1::/48", "2001:db8:2::/125", "2001:db8:3::4/128")),
            ):
                for priority in range(1, 1 + self._random.randint(0, 4)):
                    low = self._random.choice((0, 80, 2000))
                    ports = (low, self._random.choice((low, 2500, 0xFFFF)))
                    yield entries.acl(
                        direction,
                        self._random.choice(("permit", "deny")),
                        family=family,
                        domain=self._random.choice(self._subnets).domain,
                        src=self._random.choice((None, None, None, *prefixes)),
                        dst=self._random.choice((None, None, *prefixes)),
                        protocol=self._random.choice((None, None, *_PROTOCOLS)),
                        src_ports=self._random.choice((None, None, (1000, 2000))),
                        dst_ports=self._random.choice((None, ports)),
                        priority=priority,
                        mirror_session=self._random.choice((0, 0, *_MIRRORS)),
                        is_logged=self._random.choice((0, 0, 1)),
                    )

    def _traps(self) -> Iterator[Entry]:
        if self._random.random() < 0.2:
            yield entries.trap(self._random.randrange(2), self._random.choice(_TRAPPED), self._random.randint(128, 255))

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
