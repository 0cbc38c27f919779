# SPDX-License-Identifier: Apache-2.0
"""Copies: clone sessions of mirrors, what rules of network ACLs ask for, and which drops are shown."""

from p4vpc.compiler import DesiredState, Origin, compile_switch
from p4vpc.compiler.drop_reasons import ANSWERED, DropReason
from p4vpc.compiler.entries import ActionCall, CloneEntry, Exact, MeterEntry, TableEntry
from p4vpc.model import Model, build_model
from tests.unit.p4vpc.model.world import number, number_of, world

CPU = (510, 0)
MIRRORED = """
kind: fabric
drop_samples: {policy: 10/s, ttl: 200/s}
acl_log: 25/s
---
kind: mirror
tenant: red
vpc: prod
name: tap
ports: [web-2, idle-1]
max_bytes: 128
---
kind: network_acl
tenant: red
vpc: prod
name: edge
subnets: [web, db]
inbound: [{action: deny, protocol: tcp, mirror: tap, log: true}, {action: allow, log: true}]
outbound: [{action: allow, mirror: tap}]
"""
OBJECTS = world(MIRRORED)
NUMBERS = number(OBJECTS)
MODEL: Model = build_model(OBJECTS, NUMBERS)
SESSION = 2 * number_of(NUMBERS, "mirror_session", "red/prod/tap")


def sessions(state: DesiredState) -> dict[int, CloneEntry]:
    return {item.entry.session_id: item.entry for item in state.values() if isinstance(item.entry, CloneEntry)}


def calls(state: DesiredState, table: str) -> set[ActionCall]:
    entries = (item.entry for item in state.values())
    return {
        entry.action
        for entry in entries
        if isinstance(entry, TableEntry) and entry.table == table and isinstance(entry.action, ActionCall)
    }


def test_a_mirror_has_two_sessions_where_one_of_its_ports_is_plugged_in() -> None:
    web_2 = (11, number_of(NUMBERS, "port_index of leaf2", "red/prod/web-2"))
    state = compile_switch(MODEL, "leaf2")
    assert sessions(state) == {
        1: CloneEntry(1, (CPU,)),
        SESSION: CloneEntry(SESSION, (web_2,), 128),
        SESSION + 1: CloneEntry(SESSION + 1, (web_2, CPU), 128),
    }
    assert state[CloneEntry(SESSION, ()).identity].origins == (Origin("mirror", "red/prod/tap"),)


def test_elsewhere_there_is_the_controllers_session_only() -> None:
    for switch in ("leaf1", "spine1"):
        assert sessions(compile_switch(MODEL, switch)) == {1: CloneEntry(1, (CPU,))}


def test_rules_name_the_session_where_it_is_and_log_everywhere() -> None:
    for switch, session in (("leaf1", 0), ("leaf2", SESSION)):
        state = compile_switch(MODEL, switch)
        assert calls(state, "acl_egress_v4") == {
            ActionCall("deny_acl_egress_v4", (session, 1)),
            ActionCall("permit_acl_egress_v4", (0, 1)),
            ActionCall("deny_acl_egress_v4", (0, 0)),
        }
        assert calls(state, "acl_ingress_v6") == {
            ActionCall("permit_acl_ingress_v6", (session, 0)),
            ActionCall("deny_acl_ingress_v6", (0, 0)),
        }


def test_sampled_reasons_are_shown_in_both_directions_and_answered_ones_in_ingress() -> None:
    for switch in MODEL.switches:
        state = compile_switch(MODEL, switch)
        for reason in DropReason:
            is_sampled = reason in (DropReason.POLICY, DropReason.TTL)
            key = (Exact(reason.value),)
            ingress = "punt_drop" if is_sampled or reason in ANSWERED else "count_drop"
            egress = "punt_egress_drop" if is_sampled else "count_egress_drop"
            for table, action in (("drop_reasons", ingress), ("egress_drop_reasons", egress)):
                entry = TableEntry(table, key, 0, ActionCall(action))
                assert state[entry.identity].entry == entry


def test_samples_and_log_have_their_rates_and_answers_keep_theirs() -> None:
    cells = {
        (entry.meter, entry.index): (entry.cir, entry.cburst)
        for entry in (item.entry for item in compile_switch(MODEL, "spine1").values())
        if isinstance(entry, MeterEntry)
    }
    assert cells == {
        ("punt_meter", DropReason.POLICY): (10, 10),
        ("punt_meter", DropReason.TTL): (200, 200),
        **{("punt_meter", reason): (100, 50) for reason in ANSWERED - {DropReason.TTL}},
        ("punt_meter", 40): (25, 25),
        ("egress_punt_meter", DropReason.POLICY): (10, 10),
        ("egress_punt_meter", DropReason.TTL): (200, 200),
        ("egress_punt_meter", 41): (25, 25),
    }


def test_an_unknown_reason_of_another_version_is_no_reason_to_stop() -> None:
    objects = world("kind: fabric\ndrop_samples: {gremlins: 1/s}\n")
    assert sessions(compile_switch(build_model(objects, number(objects)), "leaf1"))
