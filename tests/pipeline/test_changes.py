# SPDX-License-Identifier: Apache-2.0
"""Changes of intent on a running fabric: they arrive, they can be taken back, and they hurt nobody else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from p4vpc.intent import Intent, from_document, to_document
from tests.pipeline.entries import apply
from tests.pipeline.fabric import HostPort, MemoryFabric, Place, hosts
from tests.pipeline.test_example_fabric import frame_at, frame_of

Edit = Callable[[list[Intent]], list[Intent]]


@dataclass(frozen=True)
class Update:
    """A change of the example's intent."""

    name: str
    edit: Edit

    def __str__(self) -> str:
        return self.name


def _replace(kind: str, key: str, **fields: object) -> Edit:
    def edit(objects: list[Intent]) -> list[Intent]:
        assert any((item.kind, item.key) == (kind, key) for item in objects)
        return [
            from_document({**to_document(item), **fields}) if (item.kind, item.key) == (kind, key) else item
            for item in objects
        ]

    return edit


def _remove(*ids: tuple[str, str]) -> Edit:
    def edit(objects: list[Intent]) -> list[Intent]:
        assert set(ids) <= {(item.kind, item.key) for item in objects}
        return [item for item in objects if (item.kind, item.key) not in ids]

    return edit


def _add(*documents: Mapping[str, object]) -> Edit:
    return lambda objects: [*objects, *(from_document(document) for document in documents)]


def _behind_foreign_vtep(objects: list[Intent]) -> list[Intent]:
    link = {
        "kind": "link",
        "name": "leaf2-hypervisor",
        "a": {"switch": "leaf2", "port": 30},
        "b": {"mac": "02:00:00:00:77:77", "prefixes": ["192.0.2.77/32"]},
    }
    return _replace("port", "red/prod/web-2", attachment={"vtep": "192.0.2.77"})(_add(link)(objects))


_RED = {"tenant": "red", "vpc": "prod"}
_GREEN = {"tenant": "green", "vpc": "lab"}
UPDATES = (
    Update(
        "port moves to another leaf", _replace("port", "red/prod/web-2", attachment={"switch": "leaf3", "port": 20})
    ),
    Update(
        "port gets a VLAN", _replace("port", "red/prod/web-2", attachment={"switch": "leaf2", "port": 11, "vlan": 7})
    ),
    Update("port is unbound", _replace("port", "red/prod/web-2", attachment=None)),
    Update("port changes its groups", _replace("port", "red/prod/quarantine-1", security_groups=["web", "isolated"])),
    Update("port gets another address", _replace("port", "red/prod/web-2", addresses=["10.0.1.99"])),
    Update("port is deleted", _remove(("port", "red/prod/db-1"))),
    Update("rules are removed", _replace("security_group", "red/prod/web", rules=[])),
    Update(
        "rules are added",
        _replace(
            "security_group",
            "red/prod/isolated",
            rules=[{"direction": "ingress", "protocol": "tcp", "ports": "22", "peer": {"cidr": "10.0.1.0/24"}}],
        ),
    ),
    Update(
        "route is added",
        _add({"kind": "route", **_RED, "name": "lab", "prefix": "192.168.0.0/16", "next_hop": "10.0.1.12"}),
    ),
    Update("leaf loses an uplink", _remove(("link", "leaf1-spine1"))),
    Update("port goes behind a foreign VTEP", _behind_foreign_vtep),
    Update(
        "tenant is added",
        _add(
            {"kind": "tenant", "name": "green"},
            {"kind": "vpc", "tenant": "green", "name": "lab"},
            {"kind": "subnet", **_GREEN, "name": "web", "ipv4": "10.0.1.0/24"},
            {
                "kind": "port",
                **_GREEN,
                "name": "web-1",
                "subnet": "web",
                "mac": "02:00:00:00:01:01",
                "addresses": ["10.0.1.11"],
                "security_groups": [],
                "attachment": {"switch": "leaf1", "port": 21},
            },
        ),
    ),
)


@pytest.fixture
def fabric() -> MemoryFabric:
    return MemoryFabric.example()


def test_a_settled_fabric_gets_no_updates(fabric: MemoryFabric) -> None:
    assert fabric.realise(fabric.objects) == 0


@pytest.mark.parametrize("update", UPDATES, ids=str)
def test_update_then_revert_restores_the_identical_tables(update: Update, fabric: MemoryFabric) -> None:
    before = fabric.snapshot()
    assert fabric.realise(update.edit(fabric.objects)) > 0
    assert fabric.snapshot() != before
    assert fabric.realise(fabric.objects) > 0
    assert fabric.snapshot() == before
    assert fabric.realise(fabric.objects) == 0


@pytest.mark.parametrize("update", UPDATES, ids=str)
def test_an_update_gives_the_tables_of_a_fresh_start(update: Update, fabric: MemoryFabric) -> None:
    after = update.edit(fabric.objects)
    fabric.realise(after)
    fresh = MemoryFabric(fabric.objects)
    fresh.numbers = fabric.numbers
    fresh.realise(after)
    assert fabric.snapshot() == fresh.snapshot()


@pytest.mark.parametrize("batch_size", [1, 500])
@pytest.mark.parametrize("update", UPDATES, ids=str)
def test_nobody_else_loses_a_packet_during_an_update(update: Update, batch_size: int, fabric: MemoryFabric) -> None:
    known = hosts(fabric)
    # Blue is not touched by any of the updates, only its underlay may be.
    pairs = [(known["blue/prod/web-1"], known["blue/prod/web-2"]), (known["blue/prod/web-1"], known["blue/prod/db-1"])]
    _check(fabric, pairs)
    for name, desired in fabric.desired(update.edit(fabric.objects)).items():
        for batch in fabric.plan(name, desired, batch_size).batches:
            apply(fabric.switches[name], batch)
            _check(fabric, pairs)


def _check(fabric: MemoryFabric, pairs: list[tuple[HostPort, HostPort]]) -> None:
    for source, target in pairs:
        sent = frame_of(source, target, "icmp")
        deliveries = fabric.send(source.place, bytes(sent))
        assert [(one.place, one.frame) for one in deliveries] == [(target.place, frame_at(source, target, sent))]


def test_a_moved_port_is_reached_at_its_new_place_only(fabric: MemoryFabric) -> None:
    known = hosts(fabric)
    source, target = known["red/prod/web-1"], known["red/prod/web-2"]
    sent = frame_of(source, target, "icmp")
    # A frame that is under way to the old leaf while the port moves.
    late = _on_its_way(fabric, source.place, bytes(sent), target.place[0])
    fabric.realise(_replace("port", target.key, attachment={"switch": "leaf3", "port": 20})(fabric.objects))
    [delivery] = fabric.send(source.place, bytes(sent))
    assert (delivery.place, delivery.frame) == (("leaf3", 20), bytes(sent))
    assert fabric.send(target.place, bytes(frame_of(target, source, "icmp"))) == []
    before = fabric.drops()
    assert fabric.send(*late) == []
    # Leaf2 has other ports in the subnet, so these reach the new place; but what came by a tunnel goes into no other.
    assert _risen(before, fabric.drops()) == {(target.place[0], "unknown_destination"): 1}


def _on_its_way(fabric: MemoryFabric, place: Place, frame: bytes, until: str) -> tuple[Place, bytes]:
    """Where a frame is, and what it looks like, just before it enters a switch."""
    while place[0] != until:
        [(egress, frame)] = fabric.switches[place[0]].process(place[1], frame)
        place = fabric.links[(place[0], egress)]
    return place, frame


def _risen(before: dict[tuple[str, str], int], after: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    return {key: number - before.get(key, 0) for key, number in after.items() if number != before.get(key, 0)}


def test_a_port_that_joins_a_group_is_reached_from_every_leaf(fabric: MemoryFabric) -> None:
    known = hosts(fabric)
    target = known["red/prod/quarantine-1"]
    sources = [known[f"red/prod/{name}"] for name in ("web-1", "web-2", "web-3", "db-1")]
    assert {source.place[0] for source in sources} == {"leaf1", "leaf2", "leaf3"}
    for source in sources:
        assert fabric.send(source.place, bytes(frame_of(source, target, "icmp"))) == []
    rules = [{"direction": "ingress", "protocol": "icmp", "peer": {"group": group}} for group in ("web", "db")]
    fabric.objects = _replace("security_group", "red/prod/web", rules=rules)(fabric.objects)
    fabric.realise(fabric.objects)
    for source in sources:
        assert fabric.send(source.place, bytes(frame_of(source, target, "icmp"))) == []
    fabric.realise(_replace("port", target.key, security_groups=["web"])(fabric.objects))
    for source in sources:
        sent = frame_of(source, target, "icmp")
        [delivery] = fabric.send(source.place, bytes(sent))
        assert (delivery.place, delivery.frame) == (target.place, frame_at(source, target, sent))


def test_a_new_rule_opens_and_its_removal_closes(fabric: MemoryFabric) -> None:
    known = hosts(fabric)
    source, target = known["red/prod/web-1"], known["red/prod/quarantine-1"]
    sent = frame_of(source, target, "tcp/80")
    rules = [{"direction": "ingress", "protocol": "tcp", "ports": "80", "peer": {"group": "web"}}]
    assert fabric.send(source.place, bytes(sent)) == []
    fabric.realise(_replace("security_group", "red/prod/isolated", rules=rules)(fabric.objects))
    [delivery] = fabric.send(source.place, bytes(sent))
    assert delivery.place == target.place
    assert fabric.send(source.place, bytes(frame_of(source, target, "tcp/5432"))) == []
    fabric.realise(fabric.objects)
    assert fabric.send(source.place, bytes(sent)) == []
