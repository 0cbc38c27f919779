# SPDX-License-Identifier: Apache-2.0
"""What the ledger says of a change is what the check and the plan of everything say, whatever has happened before."""

from collections.abc import Iterable, Set

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.errors import ModelError, Problem
from p4vpc.intent import Fabric, Intent, Malformed, ObjectId, Port, from_document, to_document
from p4vpc.model import Ledger, PortOwners, check_objects, plan_identifiers
from p4vpc.model.references import references
from tests.unit.p4vpc.model.histories import BASE, EXTRA, OTHER, Edit, edits, happen
from tests.unit.p4vpc.model.world import number, world

_some_edits = st.lists(edits(), min_size=1, max_size=3)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_some_edits, st.lists(edits(), max_size=1)), min_size=1, max_size=10))
def test_the_ledger_never_says_other_than_everything(steps: list[tuple[list[Edit], list[Edit]]]) -> None:
    """Whether they go together, and if not what is wrong, in the same order; with and without what cannot be read."""
    objects = {intent.id: intent for intent in world()}
    held = number(objects.values())
    ledger = Ledger(objects.values())
    for some, unread in steps:
        after = happen(objects, some)
        changes = {key: after.get(key) for key, _ in some if key in after or key in objects}
        deleted = {key for key, intent in changes.items() if intent is None}
        malformed = {key: tuple(references(it)) for key, it in unread if it is not None and key not in changes}
        if malformed:
            found = ledger.problems(changes, malformed)
            assert found is None or list(found) == _problems(after.values(), deleted, malformed)
        problems = _problems(after.values(), deleted, {})
        try:
            step = ledger.step(changes, held)
        except ModelError as error:
            assert list(error.problems) == problems != []
            continue
        if problems:
            assert step is None
            continue
        try:
            plan = plan_identifiers(after.values(), held)
        except ModelError:
            assert step is None
            continue
        if step is None:
            ledger = Ledger(after.values())
        else:
            assert step.plan == plan
            ledger.take(step)
        objects, held = after, number(after.values(), held)
        _check_owners(ledger, objects.values())


def _problems(objects: Iterable[Intent], deleted: Set[ObjectId], malformed: Malformed) -> list[Problem]:
    try:
        check_objects(objects, deleted, malformed)
    except ModelError as error:
        return list(error.problems)
    return []


def _check_owners(ledger: Ledger, objects: Iterable[Intent]) -> None:
    """What allocation asks the ledger is what all ports say."""
    known = list(objects)
    everything = PortOwners(known)
    ports = [it for it in (*known, *BASE.values(), *OTHER.values(), *EXTRA.values()) if isinstance(it, Port)]
    for port in ports:
        for address in port.addresses:
            owner = everything.address_owner(port.vpc_key, address)
            assert ledger.address_owner(port.vpc_key, address) == owner
        assert port.mac is not None
        assert ledger.mac_users(port.mac) == everything.mac_users(port.mac)


@given(edits())
def test_it_does_not_answer_by_not_knowing(edit: Edit) -> None:
    """What it leaves to the look at everything: an MTU that IPv6 is too much for, and other VTEPs than the first."""
    objects = {intent.id: intent for intent in world()}
    ledger = Ledger(objects.values())
    object_id, after = edit
    is_first_leaf = object_id == ObjectId("switch", "leaf1")
    if object_id in objects or after is not None:
        found = ledger.problems({object_id: after})
        is_narrow = isinstance(after, Fabric) and after.tenant_mtu < 1280
        assert found is not None or is_narrow or is_first_leaf
        if found == () and object_id.kind != "fabric":
            assert ledger.step({object_id: after}, number(objects.values())) is not None


def test_what_is_taken_is_told_by_the_look_at_one_vpc() -> None:
    objects = {intent.id: intent for intent in world()}
    document = to_document(objects[ObjectId("port", "red/prod/web-1")])
    taken = from_document({**document, "name": "other"})
    with pytest.raises(ModelError) as caught:
        Ledger(objects.values()).step({taken.id: taken}, number(objects.values()))
    assert [problem.field for problem in caught.value.problems] == ["addresses[0]", "mac", "attachment"]
