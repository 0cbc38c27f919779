# SPDX-License-Identifier: Apache-2.0
"""From objects to a model.

How a commit goes, with nothing but pure functions around the store::

    after = objects of the snapshot with the changes applied
    check_objects(after, deleted)                       # ModelError: all problems at once
    plan = plan_identifiers(after, snapshot.identifiers)
    done = store.commit(changes, who, expected_revision=snapshot.revision, identifiers=plan)
    model = build_model(after, snapshot.identifiers with done.allocated, without what was retired, done.revision)
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Set

from p4vpc.errors import InternalError, ModelError, Problem
from p4vpc.intent import (
    Fabric,
    IdentifierPlan,
    Identifiers,
    Intent,
    Malformed,
    ObjectId,
    Port,
    SwitchAttachment,
    VtepAttachment,
)
from p4vpc.model import numbers
from p4vpc.model.defaults import gateway_mac, gateway_v4, gateway_v6
from p4vpc.model.fabric import FabricPieces, fabric_of
from p4vpc.model.fabric_checks import check_fabric
from p4vpc.model.index import Index
from p4vpc.model.labels import LabelSet, cidr_peers, label_of_port, label_of_route
from p4vpc.model.limits import check_acls, check_mirrors, check_qos
from p4vpc.model.places import foreign_vteps, places_of
from p4vpc.model.references import check_references
from p4vpc.model.tenant_checks import check_attachments, check_vpc
from p4vpc.model.tunnels import check_tunnels, modes_to
from p4vpc.model.types import (
    LocalPlace,
    Model,
    ModelAcl,
    ModelGroup,
    ModelMirror,
    ModelPort,
    ModelQos,
    ModelRoute,
    ModelSubnet,
    ModelVpc,
    Vtep,
)


def check_objects(
    objects: Iterable[Intent], deleted: Collection[ObjectId] = (), malformed: Malformed | None = None
) -> None:
    """Check that the objects go together.

    Args:
        objects: all that there shall be.
        deleted: what was just removed from among them: a reference to one of those is reported at the deleted object,
            with its referents.
        malformed: what could not be read (`Reading.malformed`): a reference to one of those is no problem of its own,
            and their own references are checked.

    Raises ModelError with all problems.
    """
    problems = list(find_problems(Index(objects), deleted, malformed))
    if problems:
        raise ModelError(problems)


def plan_identifiers(objects: Iterable[Intent], held: Identifiers) -> IdentifierPlan:
    """Return what must be allocated and retired so that these objects have exactly the numbers they need.

    The objects must have passed `check_objects`. Raises ModelError if numbers in use lie outside of a range that
    was narrowed (`fabric.vni_range`).
    """
    return numbers.plan(Index(objects), held)


def build_model(objects: Iterable[Intent], identifiers: Identifiers, revision: int = 0) -> Model:
    """Return the model of these objects.

    Raises ModelError with all problems, InternalError if a number is missing that `plan_identifiers` asks for.
    """
    index = Index(objects)
    problems = list(find_problems(index))
    if problems:
        raise ModelError(problems)
    builder = Builder(index, identifiers)
    pieces = fabric_of(index, builder.number)
    vpcs = {key: builder.vpc(key) for key in index.vpcs}
    return Model(
        revision,
        index.fabric.tenant_mtu,
        pieces.switches,
        pieces.fabric_ports,
        pieces.leaf_vteps,
        vpcs,
        _vpcs_of_switch({}, {}, vpcs, vpcs),
        index.fabric.drop_samples,
        index.fabric.acl_log,
    )


def model_of(
    before: Model, pieces: FabricPieces, fabric: Fabric, vpcs: Mapping[str, ModelVpc], changed: Iterable[str]
) -> Model:
    """Return a model with other pieces, and other VPCs, of which only those in `changed` are not as before."""
    return Model(
        before.revision,
        fabric.tenant_mtu,
        pieces.switches,
        pieces.fabric_ports,
        pieces.leaf_vteps,
        vpcs,
        _vpcs_of_switch(before.vpcs_of_switch, before.vpcs, vpcs, changed),
        fabric.drop_samples,
        fabric.acl_log,
    )


def _vpcs_of_switch(
    known: Mapping[str, tuple[str, ...]],
    before: Mapping[str, ModelVpc],
    after: Mapping[str, ModelVpc],
    changed: Iterable[str],
) -> Mapping[str, tuple[str, ...]]:
    """Return which VPCs each switch is concerned with, when it is known of those before the change."""
    added: defaultdict[str, set[str]] = defaultdict(set)
    removed: defaultdict[str, set[str]] = defaultdict(set)
    for key in changed:
        old, new = _leaves(before.get(key)), _leaves(after.get(key))
        for switch in new - old:
            added[switch].add(key)
        for switch in old - new:
            removed[switch].add(key)
    if not added and not removed:
        return known
    result = dict(known)
    for switch in added.keys() | removed.keys():
        keys = {*known.get(switch, ()), *added[switch]} - removed[switch]
        if keys:
            result[switch] = tuple(sorted(keys))
        else:
            result.pop(switch)
    return result


def _leaves(vpc: ModelVpc | None) -> Set[str]:
    return frozenset() if vpc is None else vpc.switches | vpc.candidate_switches


def find_problems(
    index: Index, deleted: Collection[ObjectId] = (), malformed: Malformed | None = None
) -> Iterator[Problem]:
    """Yield every problem of these objects; see `check_objects`."""
    yield from check_references(index, deleted, malformed)
    yield from check_fabric(index)
    yield from check_tunnels(index)
    for key in sorted(index.members):
        is_complete = not any(kind == "port" and name.startswith(f"{key}/") for kind, name in malformed or ())
        yield from check_vpc(index.members[key], are_ports_complete=is_complete)
        yield from check_acls(index.members[key])
        yield from check_mirrors(index.members[key])
    if not any(kind == "fabric" for kind, _ in malformed or ()):
        yield from check_qos(index)
    yield from check_attachments(index, are_links_complete=not any(kind == "link" for kind, _ in malformed or ()))


class Builder:
    """Makes the model's pieces from objects that are known to be consistent."""

    def __init__(self, index: Index, identifiers: Identifiers):
        self._index = index
        self.identifiers = identifiers

    def vpc(self, key: str) -> ModelVpc:
        """Return one VPC with everything in it."""
        members = self._index.members_of(key)
        subnets = {
            name: ModelSubnet(
                subnet.id,
                subnet.ipv4,
                gateway_v4(subnet),
                subnet.ipv6,
                gateway_v6(subnet),
                gateway_mac(subnet),
                self.number(numbers.VNI, subnet.key),
                self.number(numbers.BRIDGE_DOMAIN, subnet.key),
                self.number(numbers.FLOOD_GROUP, subnet.key) if subnet.broadcast else None,
                subnet.vlan_transparent,
            )
            for name, subnet in members.subnets.items()
        }
        cidrs = cidr_peers(members)
        labels: dict[int, LabelSet] = {}

        def number_of(label: LabelSet) -> int:
            number = self.number(numbers.LABEL, label.owner(key))
            labels[number] = label
            return number

        ports = {
            name: self.port(port, subnets[port.subnet], number_of(label_of_port(port, cidrs)))
            for name, port in members.ports.items()
        }
        by_address = {address: name for name, port in members.ports.items() for address in port.addresses}
        routes = []
        for route in members.routes.values():
            name = by_address[route.next_hop]
            label = number_of(label_of_route(route, members.ports[name], cidrs))
            routes.append(ModelRoute(route.id, route.prefix, ports[name], label))
        places = places_of(ports.values())
        return ModelVpc(
            self._index.vpcs[key].id,
            self.number(numbers.VRF, key),
            tuple(subnets.values()),
            tuple(ports.values()),
            tuple(routes),
            {name: ModelGroup(group.id, group.rules) for name, group in members.groups.items()},
            dict(sorted(labels.items())),
            places,
            foreign_vteps(places.foreign),
            tuple(
                ModelAcl(acl.id, tuple(subnets[name] for name in acl.subnets), acl.inbound, acl.outbound)
                for acl in members.acls.values()
            ),
            {
                name: ModelMirror(
                    mirror.id,
                    self.number(numbers.MIRROR, mirror.key),
                    tuple(ports[port] for port in mirror.ports),
                    mirror.max_bytes,
                )
                for name, mirror in members.mirrors.items()
            },
        )

    def port(self, port: Port, subnet: ModelSubnet, label: int) -> ModelPort:
        """Return one port; InternalError if nobody has given it a MAC."""
        if port.mac is None:
            raise InternalError(f"{port} has no MAC: it was committed without allocation")
        return ModelPort(
            port.id,
            subnet,
            port.mac,
            port.addresses,
            label,
            self._place(port),
            self._qos(port),
            tuple(self._local_place(port, candidate) for candidate in port.candidates),
        )

    def _place(self, port: Port) -> LocalPlace | Vtep | None:
        match port.attachment:
            case SwitchAttachment() as attachment:
                return self._local_place(port, attachment)
            case VtepAttachment(vtep=address):
                modes = modes_to(self._index.vtep_at.get(address))
                return Vtep(address, self.number(numbers.TUNNEL, str(address)), None, modes)
        return None

    def _local_place(self, port: Port, attachment: SwitchAttachment) -> LocalPlace:
        port_index = self.number(numbers.port_index_pool(attachment.switch), port.key)
        return LocalPlace(attachment.switch, attachment.port, attachment.vlan or 0, port_index)

    def _qos(self, port: Port) -> ModelQos | None:
        if port.qos is None:
            return None
        policy = self._index.qos_policies[f"{port.tenant}/{port.qos}"]
        return ModelQos(policy.id, policy.from_port, policy.to_port)

    def number(self, pool: str, owner: str) -> int:
        """Return a number that must have been allocated."""
        number = self.identifiers.get(pool, owner)
        if number is None:
            raise InternalError(f"{owner} has no {pool}: identifiers were not planned for these objects")
        return number
