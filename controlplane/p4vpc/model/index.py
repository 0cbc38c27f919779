# SPDX-License-Identifier: Apache-2.0
"""The objects, found by kind, key and VPC."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from p4vpc.errors import ModelError, Problem
from p4vpc.intent import (
    Fabric,
    ForeignVtep,
    Intent,
    IpAddress,
    Link,
    Mirror,
    Neighbor,
    NetworkAcl,
    ObjectId,
    Port,
    QosPolicy,
    Route,
    SecurityGroup,
    Subnet,
    Switch,
    Tenant,
    Vpc,
    VpcMember,
)


@dataclass(slots=True)
class VpcIndex:
    """What belongs to one VPC, by name, in the order of the names."""

    subnets: dict[str, Subnet] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    groups: dict[str, SecurityGroup] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    acls: dict[str, NetworkAcl] = field(default_factory=dict)
    mirrors: dict[str, Mirror] = field(default_factory=dict)

    @property
    def all(self) -> tuple[dict[str, Any], ...]:
        """All kinds."""
        return self.subnets, self.ports, self.groups, self.routes, self.acls, self.mirrors


class Index:
    """All objects, sorted. ModelError if two have the same kind and key."""

    def __init__(self, objects: Iterable[Intent]):
        self.by_id: dict[ObjectId, Intent] = {}
        self.fabric = Fabric()
        self.switches: dict[str, Switch] = {}
        self.links: dict[str, Link] = {}
        self.vteps: dict[str, ForeignVtep] = {}
        self.tenants: dict[str, Tenant] = {}
        self.qos_policies: dict[str, QosPolicy] = {}
        self.vpcs: dict[str, Vpc] = {}
        self.members: dict[str, VpcIndex] = {}
        problems = []
        for intent in sorted(objects, key=lambda intent: intent.id):
            if intent.id in self.by_id:
                problems.append(Problem(str(intent), "", "is there twice", "give it once"))
            self.by_id[intent.id] = intent
            self._file(intent)
        if problems:
            raise ModelError(problems)

    def _file(self, intent: Intent) -> None:
        match intent:
            case Fabric():
                self.fabric = intent
            case Switch():
                self.switches[intent.name] = intent
            case Link():
                self.links[intent.name] = intent
            case ForeignVtep():
                self.vteps[intent.name] = intent
            case Tenant():
                self.tenants[intent.name] = intent
            case QosPolicy():
                self.qos_policies[intent.key] = intent
            case Vpc():
                self.vpcs[intent.key] = intent
            case Subnet():
                self._members_of(intent).subnets[intent.name] = intent
            case Port():
                self._members_of(intent).ports[intent.name] = intent
            case SecurityGroup():
                self._members_of(intent).groups[intent.name] = intent
            case Route():
                self._members_of(intent).routes[intent.name] = intent
            case NetworkAcl():
                self._members_of(intent).acls[intent.name] = intent
            case Mirror():
                self._members_of(intent).mirrors[intent.name] = intent
            case _:
                raise TypeError(f"no place for {intent}")

    def put(self, object_id: ObjectId, intent: Intent | None) -> None:
        """Put an object in, or take it out (None); what is of its kind is sorted no more, see `sort_`...."""
        before: Intent | None = self.by_id.pop(object_id, None)
        if before is not None:
            self._unfile(before)
        if intent is not None:
            self.by_id[object_id] = intent
            self._file(intent)
        if object_id.kind == "vtep":
            self.__dict__.pop("vtep_at", None)

    def _unfile(self, before: Intent) -> None:
        match before:
            case Fabric():
                self.fabric = Fabric()
            case Switch():
                del self.switches[before.name]
            case Link():
                del self.links[before.name]
            case ForeignVtep():
                del self.vteps[before.name]
            case QosPolicy():
                del self.qos_policies[before.key]
            case Tenant():
                del self.tenants[before.name]
            case Vpc():
                del self.vpcs[before.key]
            case VpcMember():
                members = self.members[before.vpc_key]
                for some in members.all:
                    if some.get(before.name) is before:
                        del some[before.name]
                if not any(members.all):
                    del self.members[before.vpc_key]
            case _:
                raise TypeError(f"no place for {before}")

    def sort_switches(self) -> None:
        """Sort the switches by name."""
        self.switches = dict(sorted(self.switches.items()))

    def sort_members(self, vpc_key: str) -> None:
        """Sort what belongs to the VPC by name."""
        for some in self.members_of(vpc_key).all:
            ordered = sorted(some.items())
            some.clear()
            some.update(ordered)

    def _members_of(self, intent: VpcMember) -> VpcIndex:
        return self.members.setdefault(intent.vpc_key, VpcIndex())

    def members_of(self, vpc_key: str) -> VpcIndex:
        """Return what belongs to the VPC; nothing if it has nothing."""
        return self.members.get(vpc_key) or VpcIndex()

    @cached_property
    def vtep_at(self) -> Mapping[IpAddress, ForeignVtep]:
        """The foreign VTEPs that are objects, by address."""
        return {vtep.address: vtep for vtep in self.vteps.values()}

    @property
    def neighbors(self) -> Iterator[tuple[Link, Neighbor]]:
        """Links to what p4vpc does not manage, with their far ends."""
        for link in self.links.values():
            if isinstance(link.b, Neighbor):
                yield link, link.b

    def names(self, kind: str, scope: str = "") -> list[str]:
        """Return the names of one kind, of one VPC or tenant if the kind belongs to those: for remedies."""
        members = self.members_of(scope)
        by_kind: Mapping[str, Iterable[str]] = {
            "subnet": members.subnets,
            "security_group": members.groups,
            "port": members.ports,
            "mirror": members.mirrors,
            "switch": self.switches,
            "tenant": self.tenants,
            "vpc": self.vpcs,
            "qos_policy": self.qos_policies,
        }
        known = by_kind[kind]
        if kind != "qos_policy":
            return list(known)
        return [key.removeprefix(f"{scope}/") for key in known if key.startswith(f"{scope}/")]
