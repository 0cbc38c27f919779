# SPDX-License-Identifier: Apache-2.0
"""Links and spines that die: what is lost before the controller has gone round them, and nothing after that."""

from collections import Counter
from collections.abc import Collection

import pytest

from p4vpc.intent import Link, LinkEnd, ObjectId
from tests.pipeline.entries import apply
from tests.pipeline.fabric import HostPort, MemoryFabric, hosts
from tests.pipeline.test_example_fabric import frame_of

FLOWS = 400


@pytest.fixture
def fabric() -> MemoryFabric:
    """Three leaves and two spines: port n of a leaf is spine n, port n of a spine leaf n."""
    return MemoryFabric.example()


def cut(fabric: MemoryFabric, *names: str) -> set[ObjectId]:
    """Takes cables away; no switch is told of it."""
    for item in fabric.objects:
        if isinstance(item, Link) and item.name in names and isinstance(item.b, LinkEnd):
            del fabric.links[item.a.switch, item.a.port], fabric.links[item.b.switch, item.b.port]
    return {ObjectId("link", name) for name in names}


def arrivals(fabric: MemoryFabric, source: HostPort, target: HostPort) -> Counter[str]:
    """How many of the flows arrive, by the first spine on their way; what is lost is under "lost"."""
    counts: Counter[str] = Counter()
    for number in range(FLOWS):
        sent = fabric.send(source.place, bytes(frame_of(source, target, "tcp/80", 2000 + number)))
        found = [delivery for delivery in sent if delivery.place == target.place]
        assert len(found) <= 1
        counts[found[0].path[1] if found else "lost"] += 1
    return counts


def pair(fabric: MemoryFabric) -> tuple[HostPort, HostPort]:
    """A host on leaf1 and one on leaf2."""
    source, target = (hosts(fabric)[f"red/prod/{name}"] for name in ("web-1", "web-2"))
    assert (source.place[0], target.place[0]) == ("leaf1", "leaf2")
    return source, target


def realise(fabric: MemoryFabric, names: Collection[str], down: Collection[ObjectId]) -> None:
    """Brings some of the switches to what they shall hold."""
    desired = fabric.desired(fabric.objects, down)
    for name in names:
        for batch in fabric.plan(name, desired[name]).batches:
            apply(fabric.switches[name], batch)


def test_a_link_behind_a_spine_dies(fabric: MemoryFabric) -> None:
    """No port of the sending leaf is down, so only the controller can help."""
    source, target = pair(fabric)
    before = arrivals(fabric, source, target)
    assert before["lost"] == 0
    down = cut(fabric, "leaf2-spine1")
    assert arrivals(fabric, source, target) == {"spine2": before["spine2"], "lost": before["spine1"]}
    fabric.realise(fabric.objects, down)
    assert arrivals(fabric, source, target) == {"spine2": FLOWS}


def test_each_tier_alone_is_no_loop(fabric: MemoryFabric) -> None:
    """Leaves first when a link dies, spines first when it is back: at no step is a flow lost that had a way before.

    The other way round a spine would send to a leaf that sends back to it: `send` fails when a frame runs in circles.
    """
    source, target = pair(fabric)
    down = cut(fabric, "leaf2-spine1")
    leaves, spines = ({name for name in fabric.switches if name.startswith(role)} for role in ("leaf", "spine"))
    for step in (leaves, spines):
        realise(fabric, step, down)
        assert arrivals(fabric, source, target) == {"spine2": FLOWS}
    fabric.links["leaf2", 1], fabric.links["spine1", 2] = ("spine1", 2), ("leaf2", 1)
    realise(fabric, spines, set())
    assert arrivals(fabric, source, target) == {"spine2": FLOWS}
    realise(fabric, leaves, set())
    counts = arrivals(fabric, source, target)
    assert (counts["lost"], set(counts) - {"lost"}) == (0, {"spine1", "spine2"})


def test_two_links_of_different_spines_die(fabric: MemoryFabric) -> None:
    """No spine has both leaves; the third leaf connects them."""
    source, target = pair(fabric)
    down = cut(fabric, "leaf2-spine1", "leaf1-spine2")
    fabric.realise(fabric.objects, down)
    assert arrivals(fabric, source, target) == {"spine1": FLOWS}
    [delivery] = fabric.send(source.place, bytes(frame_of(source, target, "tcp/80")))
    assert delivery.path == ("leaf1", "spine1", "leaf3", "spine2", "leaf2")


def test_a_spine_dies(fabric: MemoryFabric) -> None:
    """Its neighbours see their ports go down and move its flows at once, before the controller knows."""
    source, target = pair(fabric)
    before = arrivals(fabric, source, target)
    down = cut(fabric, "leaf1-spine1", "leaf2-spine1", "leaf3-spine1")
    assert arrivals(fabric, source, target) == {"spine2": before["spine2"], "lost": before["spine1"]}
    for leaf in ("leaf1", "leaf2", "leaf3"):
        fabric.switches[leaf].set_port_up(1, False)
    assert arrivals(fabric, source, target) == {"spine2": FLOWS}
    fabric.realise(fabric.objects, down)
    assert arrivals(fabric, source, target) == {"spine2": FLOWS}


def test_a_spine_dies_and_no_port_goes_down(fabric: MemoryFabric) -> None:
    """As on BMv2: LLDP finds it, and from then on nothing is lost."""
    source, target = pair(fabric)
    down = cut(fabric, "leaf1-spine1", "leaf2-spine1", "leaf3-spine1")
    assert arrivals(fabric, source, target)["lost"] > 0
    fabric.realise(fabric.objects, down)
    assert arrivals(fabric, source, target) == {"spine2": FLOWS}
