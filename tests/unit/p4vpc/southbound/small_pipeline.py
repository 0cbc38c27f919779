# SPDX-License-Identifier: Apache-2.0
"""A P4Info with one table of each kind, after the pattern of the real pipeline, small enough to read."""

from collections.abc import Iterable, Mapping

from finsy.proto import p4i

from p4vpc.southbound.pipeline import Pipeline

Match = p4i.MatchField
EXACT, LPM, TERNARY, RANGE, OPTIONAL = Match.EXACT, Match.LPM, Match.TERNARY, Match.RANGE, Match.OPTIONAL

ACTIONS: Mapping[str, tuple[int, tuple[tuple[str, int, str], ...]]] = {
    "set_tunnel": (0x01000001, (("src_address", 32, ""), ("dst_address", 32, ""))),
    "set_local_host": (
        0x01000002,
        (("egress_port", 9, ""), ("port_index", 16, ""), ("mac", 48, "")),
    ),
    "set_remote_host": (0x01000003, (("tunnel_index", 16, "@refers_to(tunnels, tunnel_index)"), ("mac", 48, ""))),
    "permit": (0x01000004, ()),
    "deny": (0x01000005, ()),
    "set_next_hop": (0x01000006, (("egress_port", 9, ""),)),
    "count_drop": (0x01000007, ()),
    "drop_route": (0x01000008, ()),
    "set_tunnel_v6": (0x01000009, (("src_address", 128, ""), ("dst_address", 128, ""))),
}

TABLES: Mapping[str, tuple[int, tuple[tuple[str, int, "Match.MatchType.ValueType"], ...], tuple[str, ...], int]] = {
    "tunnels": (0x02000001, (("tunnel_index", 16, EXACT),), ("set_tunnel",), 64),
    "hosts_v4": (
        0x02000002,
        (("vrf", 16, EXACT), ("dst_address", 32, EXACT)),
        ("set_local_host", "set_remote_host"),
        256,
    ),
    "routes_v4": (
        0x02000003,
        (("vrf", 16, EXACT), ("dst_address", 32, LPM)),
        ("set_local_host", "set_remote_host", "drop_route"),
        64,
    ),
    "policy": (
        0x02000004,
        (("src_label", 16, TERNARY), ("ip_protocol", 8, OPTIONAL), ("l4_dst_port", 16, RANGE)),
        ("permit", "deny"),
        32,
    ),
    "underlay_routes": (0x02000005, (("dst_address", 32, LPM),), ("set_next_hop",), 16),
    "drop_reasons": (0x02000006, (("drop_reason", 8, EXACT),), ("count_drop",), 64),
    "fixed": (0x02000007, (("x", 8, EXACT),), ("permit",), 4),
    "hosts_v6": (0x02000008, (("vrf", 16, EXACT), ("dst_address", 128, EXACT)), ("set_remote_host",), 256),
    "routes_v6": (0x02000009, (("vrf", 16, EXACT), ("dst_address", 128, LPM)), ("drop_route",), 64),
    "acl_v6": (0x0200000A, (("src_address", 128, TERNARY), ("dst_address", 128, RANGE)), ("permit", "deny"), 32),
    "tunnels_v6": (0x0200000B, (("tunnel_index", 16, EXACT),), ("set_tunnel_v6",), 64),
    "tunnel_next_hops": (0x0200000C, (("tunnel_index", 16, EXACT),), ("set_next_hop",), 16),
}

SELECTORS: Mapping[str, tuple[int, str, int]] = {
    "underlay_routes": (0x11000001, "underlay_selector", 32),
    "tunnel_next_hops": (0x11000002, "tunnel_selector", 16),
}
"""By table: id, name and size of its selector."""


def small_p4info(sizes: Mapping[str, int] | None = None) -> p4i.P4Info:
    message = p4i.P4Info()
    message.pkg_info.arch = "v1model"
    for name, (number, params) in ACTIONS.items():
        action = message.actions.add()
        action.preamble.id, action.preamble.name, action.preamble.alias = number, name, name
        for position, (param, width, annotation) in enumerate(params, start=1):
            added = action.params.add(id=position, name=param, bitwidth=width)
            if annotation:
                added.annotations.append(annotation)
    for name, (number, key, actions, size) in TABLES.items():
        table = message.tables.add(size=(sizes or {}).get(name, size), is_const_table=name == "fixed")
        table.preamble.id, table.preamble.name, table.preamble.alias = number, name, name
        for position, (column, width, kind) in enumerate(key, start=1):
            table.match_fields.add(id=position, name=column, bitwidth=width, match_type=kind)
        for callee in actions:
            table.action_refs.add(id=ACTIONS[callee][0])
        if name in SELECTORS:
            table.implementation_id = SELECTORS[name][0]
    for name, (number, selector_name, size) in SELECTORS.items():
        selector = message.action_profiles.add(with_selector=True, size=size, max_group_size=8)
        selector.preamble.id, selector.preamble.name = number, selector_name
        selector.table_ids.append(TABLES[name][0])
    for position, counted in enumerate(("policy", "drop_reasons"), start=1):
        counter = message.direct_counters.add(direct_table_id=TABLES[counted][0])
        counter.preamble.id, counter.preamble.name = 0x12000000 + position, f"{counted}_counter"
    _add_header(message, "packet_in", (("ingress_port", 9), ("pad", 7), ("reason", 8)))
    _add_header(message, "packet_out", (("egress_port", 9), ("pad", 7)))
    return message


def _add_header(message: p4i.P4Info, name: str, fields: Iterable[tuple[str, int]]) -> None:
    header = message.controller_packet_metadata.add()
    header.preamble.name = name
    for position, (field, width) in enumerate(fields, start=1):
        header.metadata.add(id=position, name=field, bitwidth=width)


def small_pipeline(sizes: Mapping[str, int] | None = None) -> Pipeline:
    return Pipeline.of(small_p4info(sizes), b'{"program": "small"}')
