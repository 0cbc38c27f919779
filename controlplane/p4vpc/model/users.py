# SPDX-License-Identifier: Apache-2.0
"""Who uses what of the fabric, and refers to what is shared: found by what is used, one object after the other kept up
to date.

Within a VPC everything is found by the VPC (`Index.members`); this is about what lies across.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Set
from typing import TypeVar

from p4vpc.intent import (
    ForeignVtep,
    Intent,
    IpAddress,
    Link,
    LinkEnd,
    Neighbor,
    ObjectId,
    Port,
    QosPolicy,
    Switch,
    SwitchAttachment,
    Vpc,
    VtepAttachment,
)
from p4vpc.model.defaults import router_mac
from p4vpc.model.references import references

_K = TypeVar("_K")
_NOBODY: Set[ObjectId] = frozenset()
_SHARED = frozenset({"switch", "qos_policy", "tenant"})


class Users:
    """Of all objects at one revision.

    Attributes:
        neighbors: the links to what p4vpc does not manage.
        links: the names of links by switch and switch port.
        vteps: the addresses of our leaves' VTEPs.
    """

    def __init__(self, objects: Mapping[ObjectId, Intent]):
        self.neighbors: dict[ObjectId, Neighbor] = {}
        self.links: dict[tuple[str, int], str] = {}
        self.vteps: set[IpAddress] = set()
        self._marks: dict[Hashable, set[ObjectId]] = defaultdict(set)
        self._referents: dict[ObjectId, set[ObjectId]] = defaultdict(set)
        self._behind: dict[IpAddress, set[ObjectId]] = defaultdict(set)
        for object_id, intent in objects.items():
            self._add(object_id, intent)

    def put(self, object_id: ObjectId, before: Intent | None, after: Intent | None) -> None:
        """An object is another one."""
        if before is not None:
            self._remove(object_id, before)
        if after is not None:
            self._add(object_id, after)

    def sharing(self, intent: Intent) -> Iterator[ObjectId]:
        """Yield the operator's objects that use something of what an object uses, which only one may use."""
        for mark in marks(intent):
            yield from self._marks.get(mark, _NOBODY)

    def referents(self, target: ObjectId) -> Set[ObjectId]:
        """Who refers to a switch, a QoS policy or a tenant."""
        return self._referents.get(target, _NOBODY)

    def behind(self, vtep: IpAddress) -> Set[ObjectId]:
        """The ports behind a foreign VTEP."""
        return self._behind.get(vtep, _NOBODY)

    @property
    def foreign(self) -> Iterable[IpAddress]:
        """The foreign VTEPs that ports are behind."""
        return self._behind.keys()

    def _add(self, object_id: ObjectId, intent: Intent) -> None:
        match intent:
            case Port(attachment=VtepAttachment(vtep=vtep)):
                self._behind[vtep].add(object_id)
            case Port():
                pass
            case Switch():
                if intent.vtep is not None:
                    self.vteps.add(intent.vtep)
            case Link():
                if isinstance(intent.b, Neighbor):
                    self.neighbors[object_id] = intent.b
                self.links.update((place, intent.name) for place in places(intent))
        if not isinstance(intent, Port):
            for mark in marks(intent):
                self._marks[mark].add(object_id)
        for target in _targets(intent):
            self._referents[target].add(object_id)

    def _remove(self, object_id: ObjectId, intent: Intent) -> None:
        match intent:
            case Port(attachment=VtepAttachment(vtep=vtep)):
                _discard(self._behind, vtep, object_id)
            case Port():
                pass
            case Switch():
                if intent.vtep is not None and not self._is_vtep_of_another(object_id, intent.vtep):
                    self.vteps.discard(intent.vtep)
            case Link():
                self.neighbors.pop(object_id, None)
                for place in places(intent):
                    if self.links.get(place) == intent.name:
                        del self.links[place]
        if not isinstance(intent, Port):
            for mark in marks(intent):
                _discard(self._marks, mark, object_id)
        for target in _targets(intent):
            _discard(self._referents, target, object_id)

    def _is_vtep_of_another(self, object_id: ObjectId, vtep: IpAddress) -> bool:
        """Two leaves may change places in one commit."""
        return any(user.kind == "switch" and user != object_id for user in self._marks.get(vtep, _NOBODY))


def marks(intent: Intent) -> Iterator[Hashable]:
    """Yield what an object uses of the fabric that not everybody may: addresses, MACs, switch ports, servers."""
    match intent:
        case Switch():
            yield router_mac(intent)
            yield intent.p4runtime, intent.device_id
            if intent.vtep is not None:
                yield intent.vtep
        case Link():
            yield from places(intent)
            for end in (intent.a, intent.b):
                if isinstance(end, LinkEnd):
                    if end.address is not None:
                        yield end.address
                else:
                    hosts = (it for it in end.prefixes if it.prefixlen == it.max_prefixlen)
                    yield from (prefix.network_address for prefix in hosts)
        case ForeignVtep():
            yield intent.address
        case Port():
            for attachment in (intent.attachment, *intent.candidates):
                match attachment:
                    case SwitchAttachment(switch=switch, port=port):
                        yield switch, port
                    case VtepAttachment(vtep=vtep):
                        yield vtep


def places(link: Link) -> Iterator[tuple[str, int]]:
    """Yield the switch ports of a link."""
    for end in (link.a, link.b):
        if isinstance(end, LinkEnd):
            yield end.switch, end.port


def _targets(intent: Intent) -> Iterator[ObjectId]:
    """Yield what an object refers to and others do too, whatever VPC they are in."""
    match intent:
        case Port() | Link() | Vpc() | QosPolicy():
            yield from {it.target for it in references(intent) if it.target.kind in _SHARED}


def _discard(known: dict[_K, set[ObjectId]], key: _K, object_id: ObjectId) -> None:
    some = known.get(key)
    if some is not None:
        some.discard(object_id)
        if not some:
            del known[key]
