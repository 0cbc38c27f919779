# SPDX-License-Identifier: Apache-2.0
"""The model of one revision made from that of another: only what has changed is made again (docs/adr/0019).

Ports alone are replaced one by one; any other object of a VPC makes its VPC again. A QoS policy or a VTEP makes the
ports that use it again, an object of the fabric what depends on it there (`fabric`). What is not made again is the same
object in both models. `build_model` says what must come out.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace

from p4vpc.intent import ForeignVtep, Identifiers, Intent, IpNetwork, ObjectId, Port, Vpc, VpcMember
from p4vpc.model import numbers
from p4vpc.model.build import Builder, build_model, model_of
from p4vpc.model.fabric import Changes, FabricPieces, fabric_after
from p4vpc.model.index import Index
from p4vpc.model.labels import cidr_peers, label_of_port
from p4vpc.model.places import PortChanges, foreign_vteps, places_after, ports_after
from p4vpc.model.types import Model, ModelPort, ModelVpc, Vtep

_OF_THE_FABRIC = frozenset({"fabric", "switch", "link"})


class ModelKeeper:
    """Keeps the last model and what it was made of.

    `whole` makes it from everything, with all checks; `advance` from changes that are known to be consistent.
    """

    def __init__(self) -> None:
        self._index = Index(())
        self._builder = Builder(self._index, Identifiers())
        self._cidrs: dict[str, frozenset[IpNetwork]] = {}
        self.model: Model | None = None

    def whole(self, objects: Iterable[Intent], identifiers: Identifiers, revision: int) -> Model:
        """Return the model of these objects. It raises what `build_model` does."""
        known = list(objects)
        self.model = None
        self._cidrs = {}
        model = build_model(known, identifiers, revision)
        self._index = Index(known)
        self._builder = Builder(self._index, identifiers)
        self.model = model
        return model

    def advance(
        self, changes: Mapping[ObjectId, Intent | None], identifiers: Identifiers, revision: int
    ) -> Model | None:
        """Return the model after some objects have changed (None: deleted), which go together with all others.

        None before the first model, and after an error; whoever has everything calls `whole`.
        """
        before = self.model
        if before is None:
            return None
        self.model = None  # whatever goes wrong now leaves us in between
        both = {object_id: (self._index.by_id.get(object_id), intent) for object_id, intent in changes.items()}
        by_vpc: dict[str, set[ObjectId]] = {}
        for object_id, (known, intent) in both.items():
            key = _vpc_key(intent or known)
            if key is not None:
                by_vpc.setdefault(key, set()).add(object_id)
            self._index.put(object_id, intent)
        for key, ports in _dependents(before, both).items():
            by_vpc.setdefault(key, set()).update(ports)
        self._builder.identifiers = identifiers
        vpcs = dict(before.vpcs)
        for key, ids in by_vpc.items():
            known_vpc = vpcs.get(key)
            if key not in self._index.vpcs:
                vpcs.pop(key, None)
                self._cidrs.pop(key, None)
            elif known_vpc is not None and _are_single_ports(ids, known_vpc):
                vpcs[key] = self._with_ports(key, known_vpc, ids)
            else:
                self._index.sort_members(key)
                self._cidrs.pop(key, None)
                vpcs[key] = _sharing(self._builder.vpc(key), known_vpc)
        pieces = FabricPieces(before.switches, before.fabric_ports, before.leaf_vteps)
        if any(object_id.kind in _OF_THE_FABRIC for object_id in both):
            pieces = fabric_after(pieces, self._index, both, self._builder.number)
        self.model = replace(model_of(before, pieces, self._index.fabric, vpcs, by_vpc.keys()), revision=revision)
        return self.model

    def _with_ports(self, key: str, vpc: ModelVpc, ids: Set[ObjectId]) -> ModelVpc:
        """Return the VPC with some ports as they are in the index."""
        if key not in self._cidrs:
            self._cidrs[key] = cidr_peers(self._index.members_of(key))
        subnets = {subnet.id: subnet for subnet in vpc.subnets}
        ports, labels = vpc.ports, dict(vpc.labels)
        changes: dict[ObjectId, tuple[ModelPort | None, ModelPort | None]] = {}
        for port_id in ids:
            port, before = self._index.by_id.get(port_id), vpc.port(port_id)
            after = None
            if isinstance(port, Port):
                subnet = subnets[ObjectId("subnet", f"{key}/{port.subnet}")]
                label = label_of_port(port, self._cidrs[key])
                number = self._builder.number(numbers.LABEL, label.owner(key))
                labels[number] = label
                after = self._builder.port(port, subnet, number)
            changes[port_id] = (before, after)
            ports = ports_after(ports, port_id, after)
        places = places_after(vpc.places, changes)
        used = _labels_after(vpc, ports, changes, labels.keys())
        return replace(
            vpc,
            ports=ports,
            labels={number: labels[number] for number in sorted(used)},
            places=places,
            foreign_vteps=foreign_vteps(places.foreign),
        )


def _dependents(model: Model, both: Changes) -> Mapping[str, Set[ObjectId]]:
    """Return the ports, by VPC, that are not the same when QoS policies or VTEPs which they use are not."""
    policies = {object_id for object_id in both if object_id.kind == "qos_policy"}
    vteps = {it.address for pair in both.values() for it in pair if isinstance(it, ForeignVtep)}
    tenants = {object_id.key.partition("/")[0] for object_id in policies}
    found: dict[str, Set[ObjectId]] = {}
    for key, vpc in model.vpcs.items() if policies or vteps else ():
        ports = set()
        if key.partition("/")[0] in tenants:
            ports |= {port.id for port in vpc.ports if port.qos is not None and port.qos.id in policies}
        if any(vtep.address in vteps for vtep in vpc.foreign_vteps):
            some = ((port.id, port.place) for port in vpc.places.foreign)
            ports |= {port_id for port_id, place in some if isinstance(place, Vtep) and place.address in vteps}
        if ports:
            found[key] = ports
    return found


def _vpc_key(intent: Intent | None) -> str | None:
    match intent:
        case Vpc():
            return intent.key
        case VpcMember():
            return intent.vpc_key
    return None


def _are_single_ports(ids: Set[ObjectId], vpc: ModelVpc) -> bool:
    """Whether nothing but ports has changed, and nothing else of the VPC holds one of them."""
    if any(object_id.kind != "port" for object_id in ids):
        return False
    held = {route.next_hop.id for route in vpc.routes}
    held.update(port.id for mirror in vpc.mirrors.values() for port in mirror.ports)
    return held.isdisjoint(ids)


def _labels_after(vpc: ModelVpc, ports: Iterable[ModelPort], changes: PortChanges, known: Set[int]) -> Set[int]:
    """Return the labels that are still in use; all ports are looked at only if one may have lost its last."""
    lost = {before.label for before, _ in changes.values() if before is not None}
    lost -= {after.label for _, after in changes.values() if after is not None}
    lost -= {route.label for route in vpc.routes}
    if lost:
        lost -= {port.label for port in ports}
    return known - lost


def _sharing(vpc: ModelVpc, before: ModelVpc | None) -> ModelVpc:
    """Return the VPC with the ports of the one before where they are equal: so that they are found to be the same."""
    if before is None:
        return vpc
    known = {port.id: port for port in before.ports}
    if all(known.get(port.id) != port for port in vpc.ports):
        return vpc
    same = {port.id: known[port.id] for port in vpc.ports if known.get(port.id) == port}

    def of(ports: Iterable[ModelPort]) -> tuple[ModelPort, ...]:
        return tuple(same.get(port.id, port) for port in ports)

    places = replace(
        vpc.places,
        plugged={switch: of(ports) for switch, ports in vpc.places.plugged.items()},
        foreign=of(vpc.places.foreign),
        candidates={switch: of(ports) for switch, ports in vpc.places.candidates.items()},
    )
    return replace(vpc, ports=of(vpc.ports), places=places)
