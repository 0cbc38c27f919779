# SPDX-License-Identifier: Apache-2.0
"""What a tenant's commit is about."""

from p4vpc.intent import Intent, ObjectId, from_document
from p4vpc.services import Concern, Edit

PORT = {
    **{"kind": "port", "tenant": "red", "vpc": "prod", "name": "a", "subnet": "web"},
    **{"mac": "02:00:00:00:00:01", "addresses": ["10.0.1.11"]},
}


def port(**fields: object) -> Intent:
    return from_document({**PORT, **fields})


def test_it_is_about_the_vpcs_that_it_changes_and_where_their_ports_were() -> None:
    before = port(attachment={"switch": "leaf1", "port": 1}, candidates=[{"switch": "leaf2", "port": 2}])
    subnet = Edit(ObjectId("subnet", "red/test/web"), None, None)
    concern = Concern.of("red", [Edit(before.id, before, None), subnet])
    assert concern == Concern("red", {"red/prod", "red/test"}, {"leaf1", "leaf2"})


def test_a_port_behind_a_foreign_vtep_or_without_a_place_was_nowhere() -> None:
    for before in (port(attachment={"vtep": "192.0.2.1"}), port()):
        assert Concern.of("red", [Edit(before.id, before, before)]).places == frozenset()


def test_what_belongs_to_the_tenant_as_a_whole_is_about_all_of_its_vpcs() -> None:
    for object_id in (ObjectId("tenant", "red"), ObjectId("qos_policy", "red/gold")):
        assert Concern.of("red", [Edit(object_id, None, None)]).vpcs is None
    assert Concern.of("red", [Edit(ObjectId("vpc", "red/prod"), None, None)]).vpcs == {"red/prod"}
