# SPDX-License-Identifier: Apache-2.0
"""What Contract 1 of docs/architecture.md says about ACLs and meters, as a P4Info."""

from finsy.proto import p4i

from p4vpc.southbound import Pipeline

Match = p4i.MatchField

TABLES = tuple(f"acl_{direction}_v{family}" for direction in ("ingress", "egress") for family in (4, 6))
METERS = (
    ("port_ingress_meter", 4096, "BYTES"),
    ("port_egress_meter", 4096, "BYTES"),
    ("punt_meter", 256, "PACKETS"),
    ("egress_punt_meter", 256, "PACKETS"),
)


def acl_pipeline(size: int = 1024) -> Pipeline:
    message = p4i.P4Info()
    message.pkg_info.arch = "v1model"
    for position, name in enumerate(TABLES):
        bits = 32 if name.endswith("_v4") else 128
        table = message.tables.add(size=size)
        table.preamble.id, table.preamble.name, table.preamble.alias = 0x02000001 + position, name, name
        key = (
            ("bridge_domain", 16, Match.EXACT),
            ("src_address", bits, Match.TERNARY),
            ("dst_address", bits, Match.TERNARY),
            ("ip_protocol", 8, Match.TERNARY),
            ("l4_src_port", 16, Match.RANGE),
            ("l4_dst_port", 16, Match.RANGE),
            ("has_l4", 1, Match.TERNARY),
        )
        for field_id, (field, width, kind) in enumerate(key, start=1):
            table.match_fields.add(id=field_id, name=field, bitwidth=width, match_type=kind)
        for number, verdict in enumerate(("permit", "deny")):
            action = message.actions.add()
            action.preamble.id = 0x01000001 + 2 * position + number
            action.preamble.name = action.preamble.alias = f"{verdict}_{name}"
            for param_id, (param, width) in enumerate((("mirror_session", 10), ("is_logged", 1)), start=1):
                action.params.add(id=param_id, name=param, bitwidth=width)
            table.action_refs.add(id=action.preamble.id)
    for position, (name, cells, unit) in enumerate(METERS):
        meter = message.meters.add(size=cells)
        meter.preamble.id, meter.preamble.name, meter.preamble.alias = 0x14000001 + position, name, name
        meter.spec.unit = p4i.MeterSpec.Unit.Value(unit)
    return Pipeline.of(message, b"{}")
