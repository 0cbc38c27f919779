# SPDX-License-Identifier: Apache-2.0
"""What consistent objects use and need, so that a change is checked, and given its numbers, by what it touches.

The ledger says yes, or that it does not know; then everything is to be looked at, and that says what is wrong. It knows
about ports one by one, about other objects of a VPC by looking at the whole VPC, and nothing about other changes
(docs/adr/0019). `check_objects` and `plan_identifiers` say what must come out.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from p4vpc.intent import (
    Claim,
    ClaimId,
    IdentifierPlan,
    Identifiers,
    Intent,
    IpAddress,
    Mac,
    ObjectId,
    Port,
    Subnet,
    SwitchAttachment,
    Vpc,
    VpcMember,
    VtepAttachment,
)
from p4vpc.model import numbers
from p4vpc.model.fabric_checks import IPV6_LEAST_MTU
from p4vpc.model.index import Index, VpcIndex
from p4vpc.model.labels import cidr_peers
from p4vpc.model.limits import check_acls, check_mirrors
from p4vpc.model.references import references
from p4vpc.model.tenant_checks import check_port, check_switch_port, check_vpc, links_at, switch_places

_SwitchPort = tuple[str, int]
_OF_A_VPC = frozenset({"subnet", "port", "security_group", "route", "network_acl", "mirror"})


@dataclass(slots=True)
class Step:
    """A change that is known to be consistent.

    Attributes:
        changes: the objects after it; None: deleted.
        plan: the numbers that come and go with it.
        taken, given: what ports use that only one may use.
        sharers: the ports at a switch port, and whether all tags are theirs.
        needs: how much more often each number is needed.
        claims: for those that are needed, with their bounds.
    """

    changes: Mapping[ObjectId, Intent | None]
    plan: IdentifierPlan = field(default_factory=IdentifierPlan)
    taken: dict[Hashable, ObjectId] = field(default_factory=dict)
    given: set[Hashable] = field(default_factory=set)
    sharers: dict[_SwitchPort, dict[ObjectId, bool]] = field(default_factory=dict)
    needs: Counter[ClaimId] = field(default_factory=Counter)
    claims: dict[ClaimId, Claim] = field(default_factory=dict)


class _UnsureError(Exception):
    """Something may be wrong, or is none of the ledger's business."""


class Ledger:
    """Of all objects at one revision, which go together, and whose numbers `plan_identifiers` has planned."""

    def __init__(self, objects: Iterable[Intent]):
        self._index = Index(objects)
        self._links = links_at(self._index)
        self._vteps = {switch.vtep for switch in self._index.switches.values() if switch.vtep is not None}
        self._family = next((vtep.version for vtep in self._vteps), None)
        self._owners: dict[Hashable, ObjectId] = {}
        self._sharers: dict[_SwitchPort, dict[ObjectId, bool]] = defaultdict(dict)
        self._needs = Counter(claim.id for claim in numbers.claims(self._index))
        self._macs: Counter[Mac] = Counter()
        for members in self._index.members.values():
            for port in members.ports.values():
                self._count_mac(port, 1)
                is_transparent = members.subnets[port.subnet].vlan_transparent
                for token in _tokens(port):
                    self._owners[token] = port.id
                for place in _switch_ports(port):
                    self._sharers[place][port.id] = is_transparent

    @staticmethod
    def is_known(object_id: ObjectId) -> bool:
        """Whether a ledger may know what a change of this object comes to."""
        return object_id.kind in _OF_A_VPC or object_id.kind in ("vpc", "tenant")

    def step(self, changes: Mapping[ObjectId, Intent | None], held: Identifiers) -> Step | None:
        """Return what the changes come to; None if everything has to be looked at for that."""
        step = Step(changes)
        if any(intent is None and object_id.kind == "tenant" for object_id, intent in changes.items()):
            return None
        try:
            for key in sorted({self._vpc_key(object_id) for object_id in changes} - {""}):
                self._step_vpc(step, key)
            self._check_sharing(step)
            step.plan = self._plan(step, held)
        except _UnsureError:
            return None
        return step

    def take(self, step: Step) -> None:
        """The change has happened."""
        for object_id, intent in step.changes.items():
            self._count_mac(self._index.by_id.get(object_id), -1)
            self._count_mac(intent, 1)
            self._index.put(object_id, intent)
        for token in step.given:
            del self._owners[token]
        self._owners.update(step.taken)
        for place, there in step.sharers.items():
            if there:
                self._sharers[place] = there
            else:
                self._sharers.pop(place, None)
        for claim_id, number in step.needs.items():
            if self._needs[claim_id] + number:
                self._needs[claim_id] += number
            else:
                del self._needs[claim_id]

    def address_owner(self, vpc_key: str, address: IpAddress) -> ObjectId | None:
        """Return the port of the VPC that has the address."""
        return self._owners.get((vpc_key, address))

    def mac_users(self, mac: Mac) -> int:
        """Return how many ports of all VPCs have the MAC."""
        return self._macs[mac]

    def _count_mac(self, intent: Intent | None, number: int) -> None:
        if isinstance(intent, Port) and intent.mac is not None:
            self._macs[intent.mac] += number
            if not self._macs[intent.mac]:
                del self._macs[intent.mac]

    def _vpc_key(self, object_id: ObjectId) -> str:
        """The VPC that an object belongs to, as its key says; none for a tenant that comes or stays."""
        match object_id.kind:
            case "vpc":
                return object_id.key
            case "tenant":
                return ""
            case kind if kind in _OF_A_VPC:
                return object_id.key.rpartition("/")[0]
        raise _UnsureError

    def _after(self, step: Step, object_id: ObjectId) -> Intent | None:
        if object_id in step.changes:
            return step.changes[object_id]
        return self._index.by_id.get(object_id)

    def _step_vpc(self, step: Step, key: str) -> None:
        ids = sorted(object_id for object_id in step.changes if self._vpc_key(object_id) == key)
        members = self._index.members_of(key)
        before = [it for object_id in ids if (it := self._index.by_id.get(object_id)) is not None]
        after = [it for object_id in ids if (it := step.changes[object_id]) is not None]
        if key in self._index.vpcs and _are_single_ports(members, [*before, *after]):
            cidrs = cidr_peers(members)
            for port in before:
                if isinstance(port, Port):
                    self._give(step, port, numbers.port_claims(port, cidrs))
            for port in after:
                if isinstance(port, Port):
                    self._check_references(step, port)
                    subnet = self._index.by_id[ObjectId("subnet", f"{key}/{port.subnet}")]
                    if not isinstance(subnet, Subnet) or any(check_port(port, subnet)):
                        raise _UnsureError
                    self._take(step, port, subnet, numbers.port_claims(port, cidrs))
        else:
            self._step_whole_vpc(step, key, members)

    def _step_whole_vpc(self, step: Step, key: str, members: VpcIndex) -> None:
        after = _members_after(members, key, step.changes)
        fabric = self._index.fabric
        vpc = self._index.vpcs.get(key)
        for port in members.ports.values():
            self._give(step, port, ())
        for claim in numbers.vpc_claims(fabric, vpc, members) if vpc is not None else ():
            step.needs[claim.id] -= 1
        new_vpc = self._after(step, ObjectId("vpc", key))
        if new_vpc is None and any(after.all):
            raise _UnsureError
        if not isinstance(new_vpc, Vpc):
            return
        self._check_references(step, new_vpc)
        for some in after.all:
            for intent in some.values():
                self._check_references(step, intent)
        if any(check_vpc(after)) or any(check_acls(after)) or any(check_mirrors(after)):
            raise _UnsureError
        if fabric.tenant_mtu < IPV6_LEAST_MTU and any(it.ipv6 is not None for it in after.subnets.values()):
            raise _UnsureError
        for port in after.ports.values():
            self._take(step, port, after.subnets[port.subnet], ())
        for claim in numbers.vpc_claims(fabric, new_vpc, after):
            step.needs[claim.id] += 1
            step.claims[claim.id] = claim

    def _check_references(self, step: Step, intent: Intent) -> None:
        if any(self._after(step, reference.target) is None for reference in references(intent)):
            raise _UnsureError

    def _give(self, step: Step, port: Port, claims: Iterable[Claim]) -> None:
        step.given.update(_tokens(port))
        for place in _switch_ports(port):
            self._sharing(step, place).pop(port.id, None)
        for claim in claims:
            step.needs[claim.id] -= 1

    def _take(self, step: Step, port: Port, subnet: Subnet, claims: Iterable[Claim]) -> None:
        self._check_attachment(port, is_transparent=subnet.vlan_transparent)
        for token in _tokens(port):
            if token in step.taken:
                raise _UnsureError
            step.taken[token] = port.id
        for place in _switch_ports(port):
            self._sharing(step, place)[port.id] = subnet.vlan_transparent
        for claim in claims:
            step.needs[claim.id] += 1
            step.claims[claim.id] = claim

    def _sharing(self, step: Step, place: _SwitchPort) -> dict[ObjectId, bool]:
        if place not in step.sharers:
            step.sharers[place] = dict(self._sharers.get(place, ()))
        return step.sharers[place]

    def _check_attachment(self, port: Port, *, is_transparent: bool) -> None:
        for name, place in switch_places(port):
            if any(check_switch_port(self._index, self._links, port, place, name)):
                raise _UnsureError
            if is_transparent and place.vlan is not None:
                raise _UnsureError
        if isinstance(port.attachment, VtepAttachment):
            vtep = port.attachment.vtep
            prefixes = (prefix for _, neighbor in self._index.neighbors for prefix in neighbor.prefixes)
            if vtep in self._vteps or not any(vtep in prefix for prefix in prefixes):
                raise _UnsureError
            if self._family not in (None, vtep.version):
                raise _UnsureError

    def _check_sharing(self, step: Step) -> None:
        """Whoever takes something must be the only one, when all that is given back is back."""
        if any(token in self._owners and token not in step.given for token in step.taken):
            raise _UnsureError
        if any(len(there) > 1 and any(there.values()) for there in step.sharers.values()):
            raise _UnsureError

    def _plan(self, step: Step, held: Identifiers) -> IdentifierPlan:
        retire, allocate = [], []
        for claim_id, number in step.needs.items():
            if number < 0 and self._needs[claim_id] + number == 0:
                retire.append(claim_id)
        for claim_id, claim in step.claims.items():
            known = held.numbers.get(claim_id)
            if known is None:
                allocate.append(claim)
            elif not claim.low <= known <= claim.high:
                raise _UnsureError
        return IdentifierPlan(tuple(sorted(allocate, key=lambda claim: claim.id)), tuple(sorted(retire)))


def _are_single_ports(members: VpcIndex, objects: Iterable[Intent]) -> bool:
    """Whether all of them are ports, and none is one that a route or a mirror leads to."""
    next_hops = {route.next_hop for route in members.routes.values()}
    mirrored = {name for mirror in members.mirrors.values() for name in mirror.ports}
    return all(
        isinstance(it, Port) and next_hops.isdisjoint(it.addresses) and it.name not in mirrored for it in objects
    )


def _members_after(members: VpcIndex, key: str, changes: Mapping[ObjectId, Intent | None]) -> VpcIndex:
    """Return what belongs to the VPC after the changes, in the order of the names."""
    index = Index(())
    kept = [it for some in members.all for it in some.values() if it.id not in changes]
    new = [it for it in changes.values() if isinstance(it, VpcMember) and it.vpc_key == key]
    for intent in sorted((*kept, *new), key=lambda it: it.id):
        index.put(intent.id, intent)
    return index.members_of(key)


def _tokens(port: Port) -> Iterator[Hashable]:
    """Yield what only one port may have."""
    for address in port.addresses:
        yield port.vpc_key, address
    yield port.vpc_key, port.subnet, port.mac
    for place in (port.attachment, *port.candidates):
        if isinstance(place, SwitchAttachment):
            yield str(place)


def _switch_ports(port: Port) -> Iterator[_SwitchPort]:
    for _, place in switch_places(port):
        yield place.switch, place.port
