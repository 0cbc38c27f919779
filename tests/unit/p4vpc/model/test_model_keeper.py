# SPDX-License-Identifier: Apache-2.0
"""The model made from what has changed is the model made from everything, whatever has happened before."""

from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.errors import ModelError
from p4vpc.intent import ObjectId, from_document, to_document
from p4vpc.model import ModelKeeper, build_model, check_objects
from tests.unit.p4vpc.model.histories import Edit, edits, happen
from tests.unit.p4vpc.model.world import number, world


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(edits(), min_size=1, max_size=3), min_size=1, max_size=8))
def test_what_has_changed_and_everything_make_the_same_model(steps: list[list[Edit]]) -> None:
    objects = {intent.id: intent for intent in world()}
    held = number(objects.values())
    keeper = ModelKeeper()
    keeper.whole(objects.values(), held, 0)
    for revision, some in enumerate(steps, start=1):
        changed = happen(objects, some)
        try:
            check_objects(changed.values())
            held = number(changed.values(), held)
        except ModelError:
            continue
        differing = {key: changed.get(key) for key, _ in some if changed.get(key) is not objects.get(key)}
        objects = changed
        model = keeper.advance(differing, held, revision)
        assert model == build_model(objects.values(), held, revision)
        for vpc in model.vpcs.values():
            assert [port.id for port in vpc.ports] == sorted(port.id for port in vpc.ports)


def test_other_ports_and_vpcs_are_the_same_objects() -> None:
    objects = {intent.id: intent for intent in world()}
    held = number(objects.values())
    keeper = ModelKeeper()
    before = keeper.whole(objects.values(), held, 1)
    port_id = ObjectId("port", "red/prod/web-1")
    moved = from_document({**to_document(objects[port_id]), "attachment": {"switch": "leaf2", "port": 40}})
    objects[port_id] = moved
    after = keeper.advance({port_id: moved}, number(objects.values(), held), 2)
    assert after is not None
    assert after.vpcs["red/lab"] is before.vpcs["red/lab"]
    prod, was = after.vpcs["red/prod"], before.vpcs["red/prod"]
    assert [port.id for port, old in zip(prod.ports, was.ports, strict=True) if port is not old] == [port_id]
