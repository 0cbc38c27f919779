# SPDX-License-Identifier: Apache-2.0
"""Random histories through store, model and compiler: what was undone leaves no trace, pieces add up to the whole."""

from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.compiler import DesiredState, compile_fabric, compile_switch, compile_vpc, merge
from p4vpc.errors import ModelError
from p4vpc.intent import Intent, ObjectId, from_document, to_document
from p4vpc.model import build_model, check_objects, plan_identifiers
from p4vpc.store import Change, Delete, Put, Store
from tests.unit.p4vpc.model.world import world

BASE = {intent.id: intent for intent in world()}
SWITCHES = ("leaf1", "leaf2", "spine1")


class Controller:
    """What the services do, without switches: store and objects always agree."""

    def __init__(self, store: Store):
        self.store = store
        self.apply([Put(intent) for intent in BASE.values()])

    def apply(self, changes: list[Change]) -> None:
        snapshot = self.store.snapshot()
        after = {key: stored.object for key, stored in snapshot.objects.items()}
        for change in changes:
            if isinstance(change, Put):
                after[change.id] = change.object
            else:
                del after[change.id]
        check_objects(after.values())
        plan = plan_identifiers(after.values(), snapshot.identifiers)
        self.store.commit(changes, "test", expected_revision=snapshot.revision, identifiers=plan)

    def compiled(self) -> list[DesiredState]:
        snapshot = self.store.snapshot()
        model = build_model(snapshot.intents, snapshot.identifiers, snapshot.revision)
        states = [compile_switch(model, switch) for switch in SWITCHES]
        for state in states:
            pieces = [compile_fabric(model, state.switch)]
            pieces += [compile_vpc(model, vpc, state.switch) for vpc in model.vpcs]
            assert merge(pieces) == state.entries
        return states


@st.composite
def _edits(draw: st.DrawFn) -> Change:
    """A change of one object of the world: deleted, or with other places, groups, rules, prefix or flooding."""
    intent = draw(
        st.sampled_from(
            [it for it in BASE.values() if it.kind in ("port", "security_group", "route", "link", "subnet")]
        )
    )
    if draw(st.integers(0, 3)) == 0:
        return Delete(intent.id)
    document = to_document(intent)
    match intent.kind:
        case "port":
            document["attachment"] = draw(
                st.sampled_from(
                    [None, {"vtep": "10.255.9.2"}]
                    + [{"switch": leaf, "port": number} for leaf in ("leaf1", "leaf2") for number in (11, 30, 31)]
                )
            )
            if "switch" in (document["attachment"] or {}) and draw(st.booleans()):
                document["candidates"] = [{"switch": draw(st.sampled_from(["leaf1", "leaf2"])), "port": 50}]
            document["security_groups"] = ["web"] if intent.key.startswith("red/prod") and draw(st.booleans()) else []
        case "security_group":
            peer = draw(st.sampled_from([{"group": "web"}, {"cidr": "10.0.1.8/29"}, {"cidr": "0.0.0.0/0"}]))
            direction = draw(st.sampled_from(["ingress", "egress"]))
            document["rules"] = [{"direction": direction, "protocol": "tcp", "ports": "80", "peer": peer}]
        case "route":
            document["prefix"] = draw(st.sampled_from(["0.0.0.0/0", "198.51.100.0/24"]))
        case "subnet":
            document["broadcast"] = draw(st.booleans())
            if draw(st.booleans()):
                document["ipv6"] = {"web": "2001:db8:1::/64", "db": "2001:db8:2::/64"}[document["name"]]
        case "link":
            document["a"] = {**document["a"], "port": draw(st.sampled_from([1, 2, 3]))}
    return Put(from_document(document))


@settings(max_examples=25)
@given(st.lists(_edits(), min_size=1, max_size=6))
def test_update_then_revert_gives_the_identical_state(edits: list[Change]) -> None:
    with Store("sqlite://") as store:
        controller = Controller(store)
        before = controller.compiled()
        for edit in edits:
            try:
                if isinstance(edit, Put) or store.get(edit.id) is not None:
                    controller.apply([edit])
            except ModelError as error:
                assert error.problems
            controller.compiled()
        now = store.snapshot().objects
        extra: list[Change] = [Delete(key) for key in now if key not in BASE]
        controller.apply([*extra, *(Put(intent) for intent in BASE.values())])
        assert controller.compiled() == before


def test_a_move_changes_one_entry_an_address_at_the_switches_that_are_not_concerned() -> None:
    """The mapping tables hold the whole answer: no groups, no lists of members anywhere."""
    bystander = {
        "kind": "port",
        "tenant": "red",
        "vpc": "prod",
        "name": "watcher",
        "subnet": "web",
        "mac": "02:00:00:00:03:01",
        "addresses": ["10.0.1.50"],
        "attachment": {"switch": "leaf3", "port": 1},
    }
    leaf3 = {"kind": "switch", "name": "leaf3", "role": "leaf", "vtep": "10.255.0.3", "p4runtime": "h:1"}
    with Store("sqlite://") as store:
        controller = Controller(store)
        controller.apply([Put(from_document(leaf3)), Put(from_document(bystander))])

        def at_leaf3() -> DesiredState:
            snapshot = store.snapshot()
            return compile_switch(build_model(snapshot.intents, snapshot.identifiers), "leaf3")

        before = at_leaf3()
        port: Intent = BASE[ObjectId("port", "red/prod/web-1")]
        moved = {**to_document(port), "attachment": {"switch": "leaf2", "port": 40}}
        controller.apply([Put(from_document(moved))])
        after = at_leaf3()
        assert not after.keys() - before.keys()
        gone = {identity[0] for identity in before.keys() - after.keys()}
        assert gone == {"peer_vteps_v4", "tunnels"}, "leaf1, where it was, has no other port of the VPC"
        changed = sorted(identity[0] for identity in after if before[identity] != after[identity])
        assert changed == ["bridge", "hosts_v4"]
