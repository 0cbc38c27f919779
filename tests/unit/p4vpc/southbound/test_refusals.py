# SPDX-License-Identifier: Apache-2.0
"""Refused updates: held back, tried again later and later, forgotten when they no longer matter."""

import pytest

from p4vpc.compiler.entries import ActionCall, DesiredEntry, Exact, Identity, Origin, TableEntry
from p4vpc.reconcile import Change, Operation
from p4vpc.southbound.refusals import FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, Refusals
from tests.unit.p4vpc.southbound.small_pipeline import small_pipeline

ORIGIN = Origin("port", "red/prod/a")
SCHEMA = small_pipeline().info.schema


def entry(number: int, param: int = 0) -> TableEntry:
    return TableEntry("tunnels", (Exact(number),), 0, ActionCall("set_tunnel", (param,)))


def wanted(*entries: TableEntry) -> dict[Identity, DesiredEntry]:
    return {item.identity: DesiredEntry(item, (ORIGIN,)) for item in entries}


def insert(item: TableEntry) -> Change:
    return Change(Operation.INSERT, item, (ORIGIN,))


def test_a_refused_insert_is_not_wanted_until_its_time_has_come() -> None:
    refusals = Refusals()
    refusal = refusals.add(insert(entry(1)), "full", 100.0)
    assert refusals.next_retry() == refusal.retry_at == 100.0 + FIRST_RETRY_SECONDS
    desired = wanted(entry(1), entry(2))
    assert refusals.hold_back(desired, {}, 100.0) == wanted(entry(2))
    assert refusals.hold_back(desired, {}, refusal.retry_at) == desired


def test_a_refused_modify_leaves_what_is_there() -> None:
    refusals = Refusals()
    refusals.add(Change(Operation.MODIFY, entry(1, 5), (ORIGIN,)), "no", 0.0)
    held = refusals.hold_back(wanted(entry(1, 5)), {entry(1).identity: entry(1)}, 0.0)
    assert held == wanted(entry(1))


def test_a_refused_delete_leaves_what_is_there() -> None:
    refusals = Refusals()
    refusals.add(Change(Operation.DELETE, entry(1)), "no", 0.0)
    held = refusals.hold_back({}, {entry(1).identity: entry(1)}, 0.0)
    assert {identity: item.entry for identity, item in held.items()} == {entry(1).identity: entry(1)}


def test_another_wish_under_the_same_key_is_not_held_back() -> None:
    refusals = Refusals()
    refusals.add(insert(entry(1, 5)), "no", 0.0)
    assert refusals.hold_back(wanted(entry(1, 6)), {}, 0.0) == wanted(entry(1, 6))


def test_pauses_double_up_to_a_limit_and_begin_anew_for_another_wish() -> None:
    refusals = Refusals()
    pauses = [refusals.add(insert(entry(1)), "no", 0.0).retry_at for _ in range(12)]
    assert pauses[:3] == pytest.approx([FIRST_RETRY_SECONDS * factor for factor in (1, 2, 4)])
    assert pauses[-1] == LAST_RETRY_SECONDS
    assert refusals.add(insert(entry(1, 9)), "no", 0.0).attempts == 1


def test_room_in_a_table_makes_what_was_refused_there_due() -> None:
    refusals = Refusals()
    refusals.add(insert(entry(1)), "full", 10.0)
    refusals.try_now({"hosts_v4"})
    assert refusals.next_retry() == 10.0 + FIRST_RETRY_SECONDS
    refusals.try_now({"tunnels"})
    assert refusals.next_retry() == 0.0


@pytest.mark.parametrize(
    ("desired", "actual", "number"),
    [
        (wanted(entry(1)), {}, 1),
        ({}, {}, 0),
        (wanted(entry(1, 7)), {}, 0),
        (wanted(entry(1)), {entry(1).identity: entry(1)}, 0),
    ],
)
def test_what_no_longer_matters_is_forgotten(
    desired: dict[Identity, DesiredEntry], actual: dict[Identity, TableEntry], number: int
) -> None:
    refusals = Refusals()
    refusals.add(insert(entry(1)), "no", 0.0)
    refusals.forget_settled(desired, dict(actual))
    assert len(refusals) == len(refusals.problems(SCHEMA)) == number


def test_problems_name_the_entry_and_who_asked_for_it() -> None:
    refusals = Refusals()
    refusals.add(insert(entry(1, 16)), "RESOURCE_EXHAUSTED: full", 0.0)
    (problem,) = refusals.problems(SCHEMA)
    assert problem.entry == "insert tunnels[tunnel_index=1] -> set_tunnel(src_address=0.0.0.16)"
    assert (problem.origins, problem.reason) == ((ORIGIN,), "RESOURCE_EXHAUSTED: full")
