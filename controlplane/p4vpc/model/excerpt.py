# SPDX-License-Identifier: Apache-2.0
"""Enough of the objects that checking them finds what checking all would: what a change touches.

All objects went together before. So whatever does not go together now has to do with an object that has changed: it is
in that object's VPC, uses something that it uses, or used, or refers to it. Those are in the excerpt, and with each
object what it refers to, so that nothing seems to be missing. What the checks say of the excerpt, they say of the
whole, in the same words and order (docs/adr/0027).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain

from p4vpc.intent import (
    Fabric,
    Intent,
    IpAddress,
    Link,
    Malformed,
    Neighbor,
    ObjectId,
    Port,
    Switch,
    VtepAttachment,
)
from p4vpc.model.fabric_checks import IPV6_LEAST_MTU
from p4vpc.model.index import Index
from p4vpc.model.references import references
from p4vpc.model.tenant_checks import switch_places
from p4vpc.model.users import Users, places

Changes = Mapping[ObjectId, Intent | None]
Sharers = Mapping[tuple[str, int], Collection[ObjectId]]
"""The ports at each switch port."""

_FABRIC = ObjectId("fabric", "fabric")
IN_VPC = frozenset({"subnet", "port", "security_group", "route", "network_acl", "mirror"})


def vpc_key(object_id: ObjectId) -> str:
    """Return the VPC that an object is, or is in, as its key says; nothing if it is in none."""
    if object_id.kind == "vpc":
        return object_id.key
    return object_id.key.rpartition("/")[0] if object_id.kind in IN_VPC else ""


class ExcerptIndex(Index):
    """Some of the objects; the names are those of all, for remedies."""

    def __init__(self, objects: Iterable[Intent], whole: Index, changes: Changes):
        super().__init__(objects)
        self._whole, self._changes = whole, changes

    def names(self, kind: str, scope: str = "") -> list[str]:
        """Return the names of one kind among all objects, also those that are not in the excerpt."""
        prefix = f"{scope}/" if scope else ""
        changed = {it: intent for it, intent in self._changes.items() if it.kind == kind and it.key.startswith(prefix)}
        gone = {it.key.removeprefix(prefix) for it, intent in changed.items() if intent is None}
        come = {it.key.removeprefix(prefix) for it, intent in changed.items() if intent is not None}
        return [*({*self._whole.names(kind, scope), *come} - gone)]


def excerpt(
    index: Index, users: Users, sharers: Sharers, changes: Changes, malformed: Malformed | None = None
) -> ExcerptIndex | None:
    """Return what the changes touch, as it is after them; None if that is everything.

    Args:
        index, users, sharers: of all objects before the changes, which go together.
        malformed: what could not be read, with its references.
    """
    found = _Excerpt(index, users, sharers, changes)
    if found.concerns_everything():
        return None
    for object_id in changes:
        found.touch(object_id)
    for target in (it.target for some in (malformed or {}).values() for it in some):
        found.add(target)
    return ExcerptIndex(found.closed(), index, changes)


class _Excerpt:
    def __init__(self, index: Index, users: Users, sharers: Sharers, changes: Changes):
        self._index, self._users, self._sharers, self._changes = index, users, sharers, changes
        self._found: dict[ObjectId, Intent] = {}
        self._open: list[Intent] = []
        self._vpcs: set[str] = set()
        self._leaf_before, self._leaf = self._first_leaves()
        neighbors = {it: far for it, far in users.neighbors.items() if it not in changes}
        for intent in changes.values():
            if isinstance(intent, Link) and isinstance(intent.b, Neighbor):
                neighbors[intent.id] = intent.b
        self._neighbors: Mapping[ObjectId, Neighbor] = neighbors
        self.add(_FABRIC)
        if self._leaf is not None:
            self.add(self._leaf.id)

    def _first_leaves(self) -> tuple[Switch | None, Switch | None]:
        """The first leaves before and after: all VTEPs are of their family."""
        before = _first(self._index.switches.values())
        if not any(object_id.kind == "switch" for object_id in self._changes):
            return before, before
        kept = (it for it in self._index.switches.values() if it.id not in self._changes)
        return before, _first(chain(kept, (it for it in self._changes.values() if isinstance(it, Switch))))

    def concerns_everything(self) -> bool:
        """Whether all VTEPs may be of the wrong family now, or all IPv6 subnets too much for the MTU."""
        fabric = self._changes.get(_FABRIC)
        if isinstance(fabric, Fabric) and fabric.tenant_mtu < IPV6_LEAST_MTU <= self._index.fabric.tenant_mtu:
            return True
        if self._leaf is None or (self._leaf_before is not None and _family(self._leaf_before) == _family(self._leaf)):
            return False
        return self._leaf_before is not None or bool(self._index.vteps) or any(True for _ in self._users.foreign)

    def _after(self, object_id: ObjectId) -> Intent | None:
        return self._changes[object_id] if object_id in self._changes else self._index.by_id.get(object_id)

    def add(self, object_id: ObjectId) -> None:
        """An object is to be in it, if there is one."""
        if object_id not in self._found:
            intent = self._after(object_id)
            if intent is not None:
                self._found[object_id] = intent
                self._open.append(intent)

    def _add_all(self, some: Iterable[ObjectId]) -> None:
        for object_id in some:
            self.add(object_id)

    def touch(self, object_id: ObjectId) -> None:
        """An object has changed: whatever may not go together with it is to be in it."""
        before, after = self._index.by_id.get(object_id), self._changes[object_id]
        self.add(object_id)
        if key := vpc_key(object_id):
            self._add_vpc(key)
        if after is None:
            self._add_all(self._users.referents(object_id))
        for intent in (before, after):
            if intent is not None:
                self._add_all(self._users.sharing(intent))
                self._touch_uses(intent)
        match before, after:
            case Switch(), Switch() if before.role != after.role:
                self._add_all(self._users.referents(object_id))
            case (Fabric() | None, Fabric() | None) if object_id == _FABRIC:
                if self._mtu_of(after) > self._mtu_of(before):
                    self._add_all(it.id for it in self._index.qos_policies.values())
        if object_id.kind == "subnet":
            for port in self._ports_of(vpc_key(object_id)):
                self._touch_uses(port)

    @staticmethod
    def _mtu_of(intent: Intent | None) -> int:
        return (intent if isinstance(intent, Fabric) else Fabric()).tenant_mtu

    def _touch_uses(self, intent: Intent) -> None:
        """Add the ports that are where an object is, or that it leads to."""
        match intent:
            case Port():
                for _, place in switch_places(intent):
                    self._add_all(self._sharers.get((place.switch, place.port), ()))
            case Link():
                for switch_port in places(intent):
                    self._add_all(self._sharers.get(switch_port, ()))
                if isinstance(intent.b, Neighbor):
                    for vtep in self._users.foreign:
                        if any(vtep in prefix for prefix in intent.b.prefixes):
                            self._add_all(self._users.behind(vtep))
            case Switch():
                if intent.vtep is not None:
                    self._add_all(self._users.behind(intent.vtep))

    def _add_vpc(self, key: str) -> None:
        if key not in self._vpcs:
            self._vpcs.add(key)
            self.add(ObjectId("vpc", key))
            for some in self._index.members_of(key).all:
                self._add_all(intent.id for intent in some.values())

    def _ports_of(self, key: str) -> Iterator[Port]:
        kept = (port for port in self._index.members_of(key).ports.values() if port.id not in self._changes)
        yield from kept
        yield from (it for it in self._changes.values() if isinstance(it, Port) and it.vpc_key == key)

    def closed(self) -> Iterable[Intent]:
        """Return it, with all that something in it needs."""
        while self._open:
            intent = self._open.pop()
            self._add_all(reference.target for reference in references(intent))
            if isinstance(intent, Port):
                if isinstance(intent.attachment, VtepAttachment):
                    self._add_ways_to(intent.attachment.vtep)
                for _, place in switch_places(intent):
                    switch = self._after(ObjectId("switch", place.switch))
                    if isinstance(switch, Switch) and switch.role != "leaf":
                        self._add_switches()
        return self._found.values()

    def _add_ways_to(self, vtep: IpAddress) -> None:
        for link, far in self._neighbors.items():
            if link not in self._found and any(vtep in prefix for prefix in far.prefixes):
                self.add(link)

    def _add_switches(self) -> None:
        """All of them: who has taken a spine for a leaf is told which there are."""
        self._add_all(it.id for it in self._index.switches.values())
        self._add_all(object_id for object_id in self._changes if object_id.kind == "switch")


def _first(switches: Iterable[Switch]) -> Switch | None:
    return min((it for it in switches if it.vtep is not None), key=lambda it: it.name, default=None)


def _family(leaf: Switch) -> int:
    return 0 if leaf.vtep is None else leaf.vtep.version
