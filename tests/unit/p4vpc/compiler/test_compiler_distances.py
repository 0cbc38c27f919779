# SPDX-License-Identifier: Apache-2.0
"""Distances that are brought up to date are those that are found anew, whatever comes and goes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.compiler.distances import FAR, Distances
from p4vpc.intent import Intent, ObjectId, from_document
from p4vpc.model import Model
from tests.unit.p4vpc.model.world import build

_MOST = 7
_pairs = st.sets(st.tuples(st.integers(0, _MOST - 1), st.integers(0, _MOST - 1)), max_size=12)
_fabrics = st.tuples(st.sets(st.integers(0, _MOST - 1), min_size=1), _pairs, st.sets(st.integers(0, 48), max_size=3))


def _switch(number: int) -> Intent:
    role = {"role": "leaf", "vtep": f"10.0.0.{number + 1}", "p4runtime": f"h:{number + 1}"}
    return from_document({"kind": "switch", "name": f"s{number}", **role})


def _link(one: int, other: int) -> Intent:
    ends = {"a": {"switch": f"s{one}", "port": other + 1}, "b": {"switch": f"s{other}", "port": one + 1}}
    return from_document({"kind": "link", "name": f"l{_MOST * one + other}", **ends})


def _model(switches: set[int], pairs: set[tuple[int, int]]) -> Model:
    edges = {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1] and switches.issuperset(pair)}
    return build([*map(_switch, sorted(switches)), *(_link(*edge) for edge in sorted(edges))])


def _by_name(distances: Distances) -> dict[tuple[str, str], int]:
    numbers = distances.numbers
    return {(source, to): distances.to(to)[numbers[source]] for source in numbers for to in numbers}


@settings(max_examples=200, deadline=None)
@given(st.lists(_fabrics, min_size=2, max_size=6), st.booleans())
def test_what_is_brought_up_to_date_is_what_is_found_anew(
    fabrics: list[tuple[set[int], set[tuple[int, int]], set[int]]], is_known: bool
) -> None:
    distances: Distances | None = None
    for switches, pairs, down in fabrics:
        model, without = _model(switches, pairs), {ObjectId("link", f"l{number}") for number in down}
        fresh = Distances(model, without)
        if distances is None:
            distances = fresh
            continue
        if is_known:
            distances.find(distances.numbers)
        before, (distances, shift) = distances, distances.after(model, without)
        assert distances.names == {number: name for name, number in distances.numbers.items()}
        assert distances.numbers.keys() == model.switches.keys()
        assert _by_name(distances) == _by_name(fresh)
        kept = before.numbers.keys() & distances.numbers.keys()
        assert all(before.numbers[name] == distances.numbers[name] for name in kept)
        for destination in kept if is_known else ():
            one, other = before.to(destination), distances.to(destination)
            size = max(len(one), len(other))
            wide = [[*hops, *([FAR] * (size - len(hops)))] for hops in (one, other)]
            moved = {number for number in range(size) if wide[0][number] != wide[1][number]}
            assert shift.moved.get(destination, set()) == moved
        for name in model.switches:
            for to in model.switches:
                assert distances.ports(name, to) == fresh.ports(name, to)


def test_a_leaf_that_comes_leaves_the_others_where_they_are() -> None:
    before = Distances(_model({0, 1, 2}, {(0, 2), (1, 2)}))
    before.find(before.numbers)
    after, shift = before.after(_model({0, 1, 2, 3}, {(0, 2), (1, 2), (2, 3)}), ())
    assert {after.names[number] for moved in shift.moved.values() for number in moved} == {"s3"}
    again, _ = after.after(_model({0, 1, 2}, {(0, 2), (1, 2)}), ())
    other, _ = again.after(_model({0, 1, 2, 4}, {(0, 2), (1, 2), (2, 4)}), ())
    assert other.numbers["s4"] == after.numbers["s3"], "the number of one that has gone is given again"
