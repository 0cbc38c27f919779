# SPDX-License-Identifier: Apache-2.0
"""Entries in words."""

import pytest

from p4vpc.compiler.entries import (
    ActionCall,
    ActionSet,
    CloneEntry,
    Entry,
    Exact,
    Lpm,
    MulticastEntry,
    Range,
    TableEntry,
    Ternary,
    WeightedAction,
)
from p4vpc.southbound.describe import describe
from tests.unit.p4vpc.southbound.small_pipeline import small_pipeline

SCHEMA = small_pipeline().info.schema
LOCAL = ActionCall("set_local_host", (11, 3, 0x020000000101))
PERMIT = ActionCall("permit")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            TableEntry("hosts_v4", (Exact(2), Exact(0x0A00010B)), 0, LOCAL),
            "hosts_v4[vrf=2, dst_address=10.0.1.11] -> set_local_host(egress_port=11, port_index=3, "
            "mac=02:00:00:00:01:01)",
        ),
        (
            TableEntry("routes_v4", (Exact(2), Lpm(0x0A000000, 8)), 0, ActionCall("drop_route")),
            "routes_v4[vrf=2, dst_address=10.0.0.0/8] -> drop_route()",
        ),
        (
            TableEntry("policy", (Ternary(5, 0xFFFF), Ternary(6, 0xFF), Range(80, 80)), 100, PERMIT),
            "policy[src_label=5, ip_protocol=6, l4_dst_port=80] priority 100 -> permit()",
        ),
        (
            TableEntry("policy", (Ternary(4, 0xFFF0), Ternary(0, 0), Range(0, 0xFFFF)), 1, PERMIT),
            "policy[src_label=0x4&0xfff0, ip_protocol=*, l4_dst_port=*] priority 1 -> permit()",
        ),
        (
            TableEntry(
                "underlay_routes",
                (Lpm(0, 0),),
                0,
                ActionSet((WeightedAction(ActionCall("set_next_hop", (1,)), 1, None),)),
            ),
            "underlay_routes[dst_address=0.0.0.0/0] -> 1 members",
        ),
        (
            TableEntry("routes_v6", (Exact(2), Lpm(0x20010DB8 << 96, 32)), 0, ActionCall("drop_route")),
            "routes_v6[vrf=2, dst_address=2001:db8::/32] -> drop_route()",
        ),
        (
            TableEntry("tunnels_v6", (Exact(1),), 0, ActionCall("set_tunnel_v6", (0xFD << 120 | 1, 0xFD << 120 | 2))),
            "tunnels_v6[tunnel_index=1] -> set_tunnel_v6(src_address=fd00::1, dst_address=fd00::2)",
        ),
        (MulticastEntry(7, ()), "multicast group 7"),
        (CloneEntry(7, ()), "clone session 7"),
    ],
)
def test_names_come_from_the_p4info_and_addresses_are_written_as_such(entry: Entry, words: str) -> None:
    assert describe(entry, SCHEMA) == words


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (TableEntry("nope", (Exact(1),), 0, PERMIT), "nope[#1=1] -> permit()"),
        (TableEntry("tunnels", (Exact(1), Exact(2)), 0, PERMIT), "tunnels[tunnel_index=1, #2=2] -> permit()"),
        (
            TableEntry("tunnels", (Exact(1),), 0, ActionCall("set_tunnel", (1 << 40,))),
            "tunnels[tunnel_index=1] -> set_tunnel(src_address=1099511627776)",
        ),
    ],
)
def test_what_does_not_fit_the_pipeline_is_shown_all_the_same(entry: Entry, words: str) -> None:
    assert describe(entry, SCHEMA) == words
