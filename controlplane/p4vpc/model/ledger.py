# SPDX-License-Identifier: Apache-2.0
"""What consistent objects use and need, so that a change is checked, and given its numbers, by what it touches.

The ledger says yes, or what is wrong, or that it does not know; then everything is to be looked at. It knows about
ports one by one; of other changes it checks an `excerpt` of the objects (docs/adr/0019, docs/adr/0027).
`check_objects` and `plan_identifiers` say what must come out.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from p4vpc.errors import ModelError, Problem
from p4vpc.intent import (
    Claim,
    ClaimId,
    Fabric,
    IdentifierPlan,
    Identifiers,
    Intent,
    IpAddress,
    Mac,
    Malformed,
    ObjectId,
    Port,
    Subnet,
    Switch,
    SwitchAttachment,
    Vpc,
    VpcMember,
    VtepAttachment,
)
from p4vpc.model import numbers
from p4vpc.model.build import find_problems
from p4vpc.model.excerpt import Changes, excerpt, vpc_key
from p4vpc.model.index import Index, VpcIndex
from p4vpc.model.labels import cidr_peers
from p4vpc.model.references import references
from p4vpc.model.tenant_checks import check_port, check_switch_port, switch_places
from p4vpc.model.users import Users

_SwitchPort = tuple[str, int]
_FABRIC = ObjectId("fabric", "fabric")


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
        self._users = Users(self._index.by_id)
        self._family = self._first_family()
        self._owners: dict[Hashable, ObjectId] = {}
        self._sharers: dict[_SwitchPort, dict[ObjectId, bool]] = defaultdict(dict)
        self._needs = Counter(claim.id for claim in numbers.claims(self._index))
        self._macs: Counter[Mac] = Counter()
        for members in self._index.members.values():
            for port in members.ports.values():
                self._count_mac(port, 1)
                is_transparent = members.subnets[port.subnet].vlan_transparent
                port_id = port.id
                for token in _tokens(port):
                    self._owners[token] = port_id
                for place in _switch_ports(port):
                    self._sharers[place][port_id] = is_transparent

    def _first_family(self) -> int | None:
        return next((it.vtep.version for it in self._index.switches.values() if it.vtep is not None), None)

    def problems(self, changes: Changes, malformed: Malformed | None = None) -> Sequence[Problem] | None:
        """Return what `check_objects` says of all objects as they are after the changes; None: ask that.

        Args:
            changes: objects after them; None: deleted, of which references to them are told.
            malformed: see `check_objects`.
        """
        some = excerpt(self._index, self._users, self._sharers, changes, malformed)
        if some is None:
            return None
        deleted = {object_id for object_id, intent in changes.items() if intent is None}
        return tuple(find_problems(some, deleted, malformed))

    def step(self, changes: Changes, held: Identifiers) -> Step | None:
        """Return what the changes come to; None if everything has to be looked at for that.

        Raises ModelError with all problems if they do not go together with everything else.
        """
        is_narrow = self._are_single_ports(changes)
        step = self._step(changes, held, is_checked=False) if is_narrow else None
        if step is not None:
            return step
        problems = self.problems(changes)
        if problems:
            raise ModelError(problems)
        return None if problems is None or is_narrow else self._step(changes, held, is_checked=True)

    def _step(self, changes: Changes, held: Identifiers, *, is_checked: bool) -> Step | None:
        step = Step(changes)
        try:
            for key in sorted({vpc_key(object_id) for object_id in changes} - {""}):
                self._step_vpc(step, key, is_checked=is_checked)
            self._step_switches(step)
            self._check_sharing(step)
            self._check_vnis(step, held)
            step.plan = self._plan(step, held)
        except _UnsureError:
            return None
        return step

    def take(self, step: Step) -> None:
        """The change has happened."""
        for object_id, intent in step.changes.items():
            before = self._index.by_id.get(object_id)
            self._count_mac(before, -1)
            self._count_mac(intent, 1)
            self._users.put(object_id, before, intent)
            self._index.put(object_id, intent)
        if any(object_id.kind == "switch" for object_id in step.changes):
            self._index.sort_switches()
            self._family = self._first_family()
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

    def _are_single_ports(self, changes: Changes) -> bool:
        """Whether nothing but ports changes, and none is one that a route or a mirror leads to."""
        if any(object_id.kind != "port" for object_id in changes):
            return False
        for key in {vpc_key(object_id) for object_id in changes}:
            members = self._index.members_of(key)
            some = [object_id for object_id in changes if vpc_key(object_id) == key]
            both = (*map(self._index.by_id.get, some), *map(changes.get, some))
            if key not in self._index.vpcs or not _are_free(members, both):
                return False
        return True

    def _step_vpc(self, step: Step, key: str, *, is_checked: bool) -> None:
        ids = sorted(object_id for object_id in step.changes if vpc_key(object_id) == key)
        members = self._index.members_of(key)
        before = [self._index.by_id.get(object_id) for object_id in ids]
        after = [step.changes[object_id] for object_id in ids]
        if is_checked:
            self._step_whole_vpc(step, key, members)
            return
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
                self._check_attachment(port, is_transparent=subnet.vlan_transparent)
                self._take(step, port, subnet, numbers.port_claims(port, cidrs))

    def _step_whole_vpc(self, step: Step, key: str, members: VpcIndex) -> None:
        after = _members_after(members, key, step.changes)
        vpc = self._index.vpcs.get(key)
        for port in members.ports.values():
            self._give(step, port, ())
        for claim in numbers.vpc_claims(self._index.fabric, vpc, members) if vpc is not None else ():
            step.needs[claim.id] -= 1
        new_vpc = self._after(step, ObjectId("vpc", key))
        if not isinstance(new_vpc, Vpc):
            return
        for port in after.ports.values():
            self._take(step, port, after.subnets[port.subnet], ())
        for claim in numbers.vpc_claims(self._fabric_after(step), new_vpc, after):
            step.needs[claim.id] += 1
            step.claims[claim.id] = claim

    def _after(self, step: Step, object_id: ObjectId) -> Intent | None:
        if object_id in step.changes:
            return step.changes[object_id]
        return self._index.by_id.get(object_id)

    def _fabric_after(self, step: Step) -> Fabric:
        fabric = self._after(step, _FABRIC)
        return fabric if isinstance(fabric, Fabric) else Fabric()

    def _step_switches(self, step: Step) -> None:
        for object_id, after in step.changes.items():
            if object_id.kind != "switch":
                continue
            before = self._index.by_id.get(object_id)
            for claim in numbers.switch_claims(before) if isinstance(before, Switch) else ():
                step.needs[claim.id] -= 1
            for claim in numbers.switch_claims(after) if isinstance(after, Switch) else ():
                step.needs[claim.id] += 1
                step.claims[claim.id] = claim

    def _check_vnis(self, step: Step, held: Identifiers) -> None:
        """A range that was narrowed must have all VNIs that are in use."""
        low, high = self._fabric_after(step).vni_range
        if (low, high) == self._index.fabric.vni_range:
            return
        beyond = (it for it, number in held.numbers.items() if it.pool == numbers.VNI and not low <= number <= high)
        if any(self._needs[claim_id] + step.needs[claim_id] > 0 for claim_id in beyond):
            raise _UnsureError

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
        port_id = port.id
        for token in _tokens(port):
            if token in step.taken:
                raise _UnsureError
            step.taken[token] = port_id
        for place in _switch_ports(port):
            self._sharing(step, place)[port_id] = subnet.vlan_transparent
        for claim in claims:
            step.needs[claim.id] += 1
            step.claims[claim.id] = claim

    def _sharing(self, step: Step, place: _SwitchPort) -> dict[ObjectId, bool]:
        if place not in step.sharers:
            step.sharers[place] = dict(self._sharers.get(place, ()))
        return step.sharers[place]

    def _check_attachment(self, port: Port, *, is_transparent: bool) -> None:
        for name, place in switch_places(port):
            if any(check_switch_port(self._index, self._users.links, port, place, name)):
                raise _UnsureError
            if is_transparent and place.vlan is not None:
                raise _UnsureError
        if isinstance(port.attachment, VtepAttachment):
            vtep = port.attachment.vtep
            prefixes = (prefix for neighbor in self._users.neighbors.values() for prefix in neighbor.prefixes)
            if vtep in self._users.vteps or not any(vtep in prefix for prefix in prefixes):
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


def _are_free(members: VpcIndex, objects: Iterable[Intent | None]) -> bool:
    """Whether none of the ports is one that a route or a mirror leads to."""
    next_hops = {route.next_hop for route in members.routes.values()}
    mirrored = {name for mirror in members.mirrors.values() for name in mirror.ports}
    ports = (it for it in objects if isinstance(it, Port))
    return all(next_hops.isdisjoint(port.addresses) and port.name not in mirrored for port in ports)


def _members_after(members: VpcIndex, key: str, changes: Changes) -> VpcIndex:
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
