# SPDX-License-Identifier: Apache-2.0
"""What the ledger says of a change is what the check and the plan of everything say, whatever has happened before."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.errors import ModelError
from p4vpc.intent import Intent, ObjectId, Port, from_document, to_document
from p4vpc.model import Ledger, PortOwners, check_objects, plan_identifiers
from tests.unit.p4vpc.model.histories import BASE, EXTRA, OTHER, Edit, edits, happen
from tests.unit.p4vpc.model.world import number, world


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(edits(), min_size=1, max_size=3), min_size=1, max_size=10))
def test_the_ledger_never_says_other_than_everything(steps: list[list[Edit]]) -> None:
    objects = {intent.id: intent for intent in world()}
    held = number(objects.values())
    ledger = Ledger(objects.values())
    for some in steps:
        after = happen(objects, some)
        changes = {key: after.get(key) for key, _ in some if key in after or key in objects}
        step = ledger.step(changes, held)
        try:
            check_objects(after.values())
        except ModelError:
            assert step is None
            continue
        if step is None:
            ledger = Ledger(after.values())
        else:
            assert step.plan == plan_identifiers(after.values(), held)
            ledger.take(step)
        objects, held = after, number(after.values(), held)
        _check_owners(ledger, objects.values())


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


def test_ports_and_their_vpcs_are_its_business() -> None:
    """It must not answer by not knowing."""
    objects = {intent.id: intent for intent in world()}
    held = number(objects.values())
    ledger = Ledger(objects.values())
    document = to_document(objects[ObjectId("port", "red/prod/web-1")])
    moved = from_document({**document, "attachment": {"switch": "leaf2", "port": 40}})
    group = objects[ObjectId("security_group", "red/prod/web")]
    route = ObjectId("route", "red/prod/outside")
    for changes in ({moved.id: moved}, {moved.id: None}, {group.id: group}, {route: None}):
        assert ledger.step(changes, held) is not None
    taken = from_document({**document, "name": "other"})
    assert ledger.step({taken.id: taken}, held) is None
