# SPDX-License-Identifier: Apache-2.0
"""Entries by origin: the same as counting all of them, whatever has changed."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4vpc.compiler.entries import ActionCall, DesiredEntry, DesiredState, Exact, Identity, TableEntry
from p4vpc.intent import ObjectId
from p4vpc.persistent import PersistentMap
from p4vpc.services import origins
from p4vpc.services.origins import OriginIndex, holders

PORTS = [ObjectId("port", f"{tenant}/{vpc}/p{number}") for tenant in "ab" for vpc in "xy" for number in (1, 2)]
OBJECTS = [*PORTS, *(ObjectId("vpc", f"{t}/{v}") for t in "ab" for v in "xy"), ObjectId("tenant", "a")]
OBJECTS += [ObjectId("tenant", "b"), ObjectId("link", "l"), ObjectId("vpc", "a/xy"), ObjectId("fabric", "fabric")]
ORIGINS = [*OBJECTS[:-2], ObjectId("fabric", "fabric")]

items = st.dictionaries(st.integers(0, 30), st.sets(st.sampled_from(ORIGINS), min_size=1, max_size=3), max_size=20)


def entries(of: Mapping[int, set[ObjectId]]) -> dict[Identity, DesiredEntry]:
    made = {}
    for number, asked in of.items():
        entry = TableEntry("t", (Exact(number),), 0, ActionCall("a"))
        made[entry.identity] = DesiredEntry(entry, tuple(sorted(asked)))
    return made


def is_of(origin: ObjectId, object_id: ObjectId) -> bool:
    return origin == object_id or (object_id.kind in ("tenant", "vpc") and origin.key.startswith(f"{object_id.key}/"))


@given(items, st.lists(st.tuples(items, st.sets(st.integers(0, 30))), max_size=4))
def test_it_is_as_if_all_were_counted(
    first: Mapping[int, set[ObjectId]], steps: list[tuple[Mapping[int, set[ObjectId]], set[int]]]
) -> None:
    index = OriginIndex()
    known: PersistentMap[Identity, DesiredEntry] = PersistentMap(entries(first))
    states = [known]
    for puts, gone in steps:
        known = known.after(entries(puts), [entries({it: {PORTS[0]}}).popitem()[0] for it in gone - puts.keys()])
        states.append(known)
    for state in states:
        desired = DesiredState("leaf1", 1, state)
        for object_id in OBJECTS:
            wanted = sum(any(is_of(origin, object_id) for origin in item.origins) for item in state.values())
            assert index.count(desired, object_id) == wanted
            assert index.count(DesiredState("leaf2", 1, dict(state)), object_id) == wanted


def test_an_object_is_held_by_its_vpc_and_its_tenant() -> None:
    assert list(holders(PORTS[0])) == [PORTS[0], ObjectId("tenant", "a"), ObjectId("vpc", "a/x")]
    assert list(holders(ObjectId("fabric", "fabric"))) == [ObjectId("fabric", "fabric")]
    assert list(holders(ObjectId("link", "l"))) == [ObjectId("link", "l")]


def test_only_what_has_changed_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    plain = origins.holders

    def counted(origin: ObjectId) -> object:
        nonlocal looked
        looked += 1
        return plain(origin)

    monkeypatch.setattr(origins, "holders", counted)
    index = OriginIndex()
    known: PersistentMap[Identity, DesiredEntry] = PersistentMap(entries({number: {PORTS[0]} for number in range(900)}))
    assert index.count(DesiredState("leaf1", 1, known), PORTS[0]) == 900
    assert looked == 900
    index.count(DesiredState("leaf1", 2, known), PORTS[1])
    assert looked == 900
    assert index.count(DesiredState("leaf1", 3, known.after(entries({5: {PORTS[1]}}))), PORTS[1]) == 1
    assert looked <= 902
