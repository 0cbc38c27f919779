# SPDX-License-Identifier: Apache-2.0
"""Meter cells in a plan: only what differs, never what the pipeline does not have."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4vpc.compiler.entries import ActionCall, DesiredEntry, Entry, Exact, Identity, MeterEntry, Origin, TableEntry
from p4vpc.reconcile import MeterSchema, Operation, Schema, SchemaError, TableSchema, plan

SCHEMA = Schema({}, {"in": MeterSchema("in", 8), "out": MeterSchema("out", 4)})
PORT = Origin("port", "red/prod/web-1")


def cell(index: int, rate: int = 1000, meter: str = "in") -> MeterEntry:
    return MeterEntry(meter, index, rate, 2000, rate, 2000)


def wanted(entries: Iterable[Entry]) -> dict[Identity, DesiredEntry]:
    return {entry.identity: DesiredEntry(entry, (PORT,)) for entry in entries}


def held(entries: Iterable[Entry]) -> dict[Identity, Entry]:
    return {entry.identity: entry for entry in entries}


def test_cells_are_configured_changed_and_reset() -> None:
    planned = plan(wanted([cell(1), cell(2, 5)]), held([cell(2), cell(3)]), SCHEMA)
    assert [(change.operation, change.entry, change.origins) for change in planned.changes] == [
        (Operation.INSERT, cell(1), (PORT,)),
        (Operation.MODIFY, cell(2, 5), (PORT,)),
        (Operation.DELETE, cell(3), ()),
    ]


cells = st.sets(st.builds(cell, st.integers(0, 3), st.integers(1, 3), st.sampled_from(["in", "out"])))


@given(cells, cells)
def test_a_plan_turns_what_is_held_into_what_is_wanted_and_then_nothing_is_left(
    some: set[MeterEntry], others: set[MeterEntry]
) -> None:
    have, want = held(some), wanted(others)
    for change in plan(want, have, SCHEMA).changes:
        identity = change.entry.identity
        assert (identity in have) is (change.operation is not Operation.INSERT)
        if change.operation is Operation.DELETE:
            del have[identity]
        else:
            have[identity] = change.entry
    assert have == {identity: item.entry for identity, item in want.items()}
    assert plan(want, have, SCHEMA).batches == ()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (cell(8), "meter in has only the cells 0 to 7"),
        (cell(4, meter="out"), "meter out has only the cells 0 to 3"),
        (cell(1, meter="punt_meter"), "the pipeline has no meter punt_meter"),
        (TableEntry("nope", (Exact(1),), 0, ActionCall("x")), "the pipeline has no table nope"),
    ],
)
def test_what_the_pipeline_does_not_have_is_left_out_with_its_origin(entry: Entry, reason: str) -> None:
    planned = plan(wanted([entry, cell(7), cell(3, meter="out")]), {}, SCHEMA)
    assert [(item.entry, item.origins, item.reason) for item in planned.left_out] == [(entry, (PORT,), reason)]
    assert {change.entry for change in planned.changes} == {cell(7), cell(3, meter="out")}


def test_a_meter_cannot_have_the_name_of_a_table() -> None:
    with pytest.raises(SchemaError, match="in is the name of a table and of a meter"):
        Schema({"in": TableSchema("in", (), {})}, SCHEMA.meters)
