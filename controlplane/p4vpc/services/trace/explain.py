# SPDX-License-Identifier: Apache-2.0
"""What the tables of the switch where a packet enters have decided about it, in the words of the intent.

The pipeline looks up more than it needs, side by side, and decides at the end; here stands only what mattered. What the
switches behind the first one do concerns the fabric, and so operators only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from p4vpc.compiler.drop_reasons import DropReason
from p4vpc.compiler.network_acl import FIRST_PRIORITY, REST_PRIORITY
from p4vpc.intent import ObjectId
from p4vpc.intent.values import PROTOCOL_NUMBERS
from p4vpc.model import ModelVpc
from p4vpc.services.trace.passes import Lookup
from p4vpc.services.trace.reasons import Stage, stage_of
from p4vpc.services.trace.walk import End, Hop, World

_NAMES = {number: name for name, number in PROTOCOL_NUMBERS.items()}
_ACL_DIRECTIONS = {"acl_ingress": "outbound", "acl_egress": "inbound"}


@dataclass(frozen=True, slots=True)
class DecidingRule:
    """A rule of a network ACL; `position` in its direction, from 0; None: what the direction denies at its end."""

    acl: ObjectId
    direction: str
    position: int | None
    action: str

    def __str__(self) -> str:
        which = f"what no {self.direction} rule is about" if self.position is None else "it"
        verb = "allows" if self.action == "allow" else "denies"
        rule = "" if self.position is None else f", {self.direction}[{self.position}]"
        return f"{self.acl}{rule} {verb} {which}"


@dataclass(frozen=True, slots=True)
class Remark:
    """One decision.

    Attributes:
        stage: what it is about: `entry`, `source`, `gateway`, `destination`, `policy`, `acl`, `copy`, `fabric`.
        text: in words.
        objects: what of the intent it comes from.
        rule: of a network ACL, if it is one's.
        switch: where it was decided.
        is_drop: whether the packet is dropped for it.
    """

    stage: str
    text: str
    objects: tuple[ObjectId, ...] = ()
    rule: DecidingRule | None = None
    switch: str = ""
    is_drop: bool = False


def is_entry(hop: Hop) -> bool:
    """Whether a frame enters the tenants' network here: by an attachment, or from a foreign VTEP.

    What comes from a leaf of ours has been guarded and judged there.
    """
    for it in hop.ingress.lookups:
        if it.table == "access_ports":
            return True
        if it.table.startswith("peer_vteps") and it.is_hit:
            _, is_trusted, *_ = it.args
            return not is_trusted
    return False


def reason_of(hop: Hop) -> int | None:
    """Why the frame, or the first of its copies, was dropped at a hop."""
    dropped = [outcome.reason for outcome in hop.outcomes if outcome.end is End.DROPPED]
    return dropped[0] if dropped else None


def remarks_of(hop: Hop, world: World) -> Iterator[Remark]:
    """Yield what was decided where a packet enters."""
    yield from _Entry(hop, world).remarks()


class _Entry:
    """A hop where a frame enters the tenants' network."""

    def __init__(self, hop: Hop, world: World):
        self._hop = hop
        self._world = world
        self._found: Mapping[str, Lookup] = {it.table: it for it in hop.ingress.lookups}
        self._reason = reason_of(hop)
        self._vpc = self._vpc_of()

    def remarks(self) -> Iterator[Remark]:
        last = stage_of(self._reason)
        yield from self._entry()
        if last >= Stage.SOURCE:
            yield from self._source()
        if last >= Stage.GATEWAY:
            yield from self._gateway()
        if last >= Stage.DESTINATION:
            yield from self._destination()
        if last >= Stage.RULES:
            yield from self._policy()
            yield from self._acls()

    def _vpc_of(self) -> ModelVpc | None:
        access, vni = self._found.get("access_ports"), self._found.get("vni_map")
        vrf = 0
        if access is not None and access.action == "set_access":
            vrf = access.args[2]
        elif vni is not None and vni.is_hit:
            vrf = vni.args[1]
        keys = self._world.model.vpcs_of_switch.get(self._hop.switch, ())
        return next((vpc for key in keys if (vpc := self._world.model.vpcs[key]).vrf == vrf), None)

    def _remark(self, stage: str, text: str, *lookups: Lookup, rule: DecidingRule | None = None) -> Remark:
        origins = (origin for it in lookups for origin in self._origins(it))
        return Remark(stage, text, tuple(dict.fromkeys(origins)), rule, self._hop.switch)

    def _origins(self, lookup: Lookup) -> tuple[ObjectId, ...]:
        return self._world.origins(self._hop.switch, lookup.identity)

    def _names(self, lookup: Lookup, *kinds: str) -> str:
        return ", ".join(str(origin) for origin in self._origins(lookup) if not kinds or origin.kind in kinds)

    def _hit(self, *tables: str) -> Lookup | None:
        return next((it for table in tables if (it := self._found.get(table)) is not None and it.is_hit), None)

    def _entry(self) -> Iterator[Remark]:
        access, vni = self._hit("access_ports"), self._hit("vni_map")
        if access is not None:
            verb = "may turn up here" if access.action == "set_candidate" else "is plugged in here"
            yield self._remark("entry", f"{self._names(access)} {verb}", access)
        elif vni is not None:
            yield self._remark("entry", f"comes out of the tunnel of a foreign VTEP, in {self._names(vni)}", vni)

    def _source(self) -> Iterator[Remark]:
        hits = [it for name, it in self._found.items() if name.startswith("source_guard") and it.is_hit]
        guard = self._hit("source_guard_v4", "source_guard_v6") or self._hit("source_guard_mac")
        if guard is not None and hits and self._reason != DropReason.SPOOF:
            what = "MAC" if guard.table == "source_guard_mac" else "MAC and address"
            yield self._remark("source", f"source {what} are those of {self._names(guard)}", *hits)

    def _gateway(self) -> Iterator[Remark]:
        asked, routed = self._hit("gateway_addresses_v4", "gateway_addresses_v6"), self._hit("router_macs")
        if asked is not None:
            yield self._remark("gateway", f"is about the gateway of {self._names(asked)}", asked)
        elif routed is not None:
            yield self._remark("gateway", f"is for the router of {self._names(routed)}", routed)

    def _destination(self) -> Iterator[Remark]:
        is_gateway = self._hit("gateway_addresses_v4", "gateway_addresses_v6") is not None
        is_bridged = self._hit("router_macs") is None
        host = self._hit("hosts_v4", "hosts_v6")
        asked = self._found.get("bridge")
        if is_gateway:
            return
        if host is not None and (not is_bridged or asked is None):
            yield self._remark("destination", f"{_address(host)} is {self._names(host)}", host)
            return
        route = self._hit("routes_v4", "routes_v6")
        if not is_bridged and route is not None:
            name, hop = self._names(route, "route", "subnet"), self._names(route, "port")
            if route.action != "drop_route":
                text = f"{name} leads to {hop}"
            else:
                text = f"{name} leads to {hop}, which is plugged in nowhere" if hop else f"nobody of {name} has it"
            yield self._remark("destination", text, route)
            return
        station, flood = self._hit("bridge"), self._hit("flood")
        if station is not None:
            yield self._remark("destination", f"the destination MAC is that of {self._names(station)}", station)
        elif flood is not None:
            yield self._remark("destination", f"to everybody in {self._names(flood)}", flood)

    def _policy(self) -> Iterator[Remark]:
        policy = self._found.get("policy")
        if policy is None:
            return
        source, destination, protocol, port, has_l4 = policy.key
        traffic = _traffic(protocol, port, bool(has_l4))
        sender, receiver = self._groups(source), self._groups(destination)
        if policy.is_hit and policy.action == "permit":
            text = f"{traffic} from {sender} to {receiver}: allowed by {self._names(policy)}"
            yield self._remark("policy", text, policy)
        elif policy.is_hit:
            yield self._remark("policy", f"{traffic} from {sender} to {receiver}: denied", policy)
        else:
            objects = tuple(self._group_ids(destination)) + tuple(self._group_ids(source))
            text = f"no rule allows {traffic} from {sender} to {receiver}"
            if self._reason not in (DropReason.POLICY, DropReason.ACL):
                text += "; it passes as a reply to a flow on record"
            yield Remark("policy", text, tuple(dict.fromkeys(objects)), switch=self._hop.switch)

    def _group_ids(self, label: int) -> Iterator[ObjectId]:
        if self._vpc is not None and label in self._vpc.labels:
            for name in sorted(self._vpc.labels[label].groups):
                yield ObjectId("security_group", f"{self._vpc.id.key}/{name}")

    def _groups(self, label: int) -> str:
        names = [it.key.rpartition("/")[2] for it in self._group_ids(label)]
        if not names:
            return "who is in no security group"
        return f"security group{'' if len(names) == 1 else 's'} {', '.join(names)}"

    def _acls(self) -> Iterator[Remark]:
        egress = (it for outcome in self._hop.outcomes if outcome.egress is not None for it in outcome.egress.lookups)
        seen = set()
        for lookup in (*self._hop.ingress.lookups, *egress):
            table = lookup.table.rpartition("_")[0]
            if table not in _ACL_DIRECTIONS or not lookup.is_hit or lookup in seen:
                continue
            seen.add(lookup)
            rule = self._rule(lookup, _ACL_DIRECTIONS[table])
            if rule is not None:
                yield self._remark("acl", str(rule), lookup, rule=rule)

    def _rule(self, lookup: Lookup, direction: str) -> DecidingRule | None:
        acl = next((origin for origin in self._origins(lookup) if origin.kind == "network_acl"), None)
        if acl is None or lookup.identity is None:
            return None
        priority = lookup.identity[2]
        position = None if priority == REST_PRIORITY else FIRST_PRIORITY - priority
        return DecidingRule(acl, direction, position, "allow" if lookup.action.startswith("permit") else "deny")


def deciding(remarks: list[Remark], reason: int) -> Remark | None:
    """Return the remark that a drop comes from; None if it comes from none of them."""
    match reason:
        case DropReason.POLICY:
            return next((it for it in remarks if it.stage == "policy"), None)
        case DropReason.ACL:
            return next((it for it in remarks if it.rule is not None and it.rule.action == "deny"), None)
        case DropReason.NO_ROUTE:
            return next((it for it in remarks if it.stage == "destination"), None)
    return None


def _address(lookup: Lookup) -> str:
    """The address that a table of hosts was asked for."""
    if lookup.table.endswith("v6"):
        return str(ip_address(lookup.key[1].to_bytes(16)))
    return str(ip_address(lookup.key[1]))


def _traffic(protocol: int, port: int, has_l4: bool) -> str:
    name = _NAMES.get(protocol, f"protocol {protocol}")
    if not has_l4:
        return f"{name} without ports"
    if protocol in (PROTOCOL_NUMBERS["icmp"], PROTOCOL_NUMBERS["icmpv6"]):
        return f"{name} type {port >> 8} code {port & 0xFF}"
    return f"{name} to port {port}"
