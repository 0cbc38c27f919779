# SPDX-License-Identifier: Apache-2.0
"""Pipelines: what is read from a P4Info, and when a switch runs the same."""

from pathlib import Path

import pytest
from finsy.proto import p4i, p4r
from google.protobuf import text_format

from p4vpc.compiler.entries import MULTICAST_TABLE
from p4vpc.reconcile import DependencyCycleError, MatchKind, Reference
from p4vpc.southbound import EncodeError, Packet, Pipeline, PipelineError
from p4vpc.southbound.p4info import MetadataField, digest
from p4vpc.southbound.packets import decode_packet_in, encode_packet_out
from tests.unit.p4vpc.southbound.small_pipeline import small_p4info, small_pipeline


def test_tables_sizes_selectors_and_counters_are_read() -> None:
    info = digest(small_p4info())
    policy, underlay = info.schema.tables["policy"], info.schema.tables["underlay_routes"]
    assert [(column.name, column.width, column.kind) for column in policy.key] == [
        ("src_label", 16, MatchKind.TERNARY),
        ("ip_protocol", 8, MatchKind.OPTIONAL),
        ("l4_dst_port", 16, MatchKind.RANGE),
    ]
    assert policy.has_priority
    assert policy.size == 32
    assert underlay.selector is not None
    assert (underlay.selector.size, underlay.selector.max_group_size) == (32, 8)
    tunnels = info.schema.tables["tunnel_next_hops"].selector
    assert tunnels is not None
    assert (tunnels.name, tunnels.size) == ("tunnel_selector", 16)
    assert info.schema.tables["fixed"].is_const
    assert info.counted_tables == {"policy", "drop_reasons"}
    assert info.packet_in[0] == MetadataField(1, "ingress_port", 9)


def test_refers_to_becomes_a_reference_and_a_rank() -> None:
    schema = digest(small_p4info()).schema
    assert schema.tables["hosts_v4"].references == (Reference("tunnels", (0,), (0,), "set_remote_host"),)
    assert schema.ranks["tunnels"] < schema.ranks["hosts_v4"]


@pytest.mark.parametrize("spelling", ["@refers_to(tunnels,tunnel_index)", '@refers_to(".tunnels" , "tunnel_index")'])
def test_refers_to_is_read_however_it_is_spelled(spelling: str) -> None:
    p4info = small_p4info()
    p4info.tables[5].match_fields[0].annotations.append(spelling)
    assert digest(p4info).schema.tables["drop_reasons"].references == (Reference("tunnels", (0,), (0,)),)


@pytest.mark.parametrize("name", ["multicast_group_table", "builtin::multicast_group_table"])
def test_a_reference_to_multicast_groups_needs_no_table_of_that_name(name: str) -> None:
    p4info = small_p4info()
    p4info.tables[5].match_fields[0].annotations.append(f"@refers_to({name} , multicast_group_id)")
    schema = digest(p4info).schema
    assert schema.tables["drop_reasons"].references == (Reference(MULTICAST_TABLE, (0,), (0,)),)
    assert schema.ranks["tunnels"] < schema.ranks[MULTICAST_TABLE] < schema.ranks["drop_reasons"]


def test_fields_that_refer_to_one_table_refer_together() -> None:
    p4info = small_p4info()
    columns = p4info.tables[2].match_fields
    columns[0].annotations.append("@refers_to(hosts_v4, vrf)")
    columns[1].annotations.append("@refers_to(hosts_v4, dst_address)")
    assert Reference("hosts_v4", (0, 1), (0, 1)) in digest(p4info).schema.tables["routes_v4"].references


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ("@refers_to(nowhere, x)", "table drop_reasons, drop_reason, refers to table nowhere"),
        ("@refers_to(tunnels, x)", "refers to field x, which is no key field of table tunnels"),
    ],
)
def test_a_reference_to_nothing_is_an_error(annotation: str, reason: str) -> None:
    p4info = small_p4info()
    p4info.tables[5].match_fields[0].annotations.append(annotation)
    with pytest.raises(PipelineError, match=reason):
        digest(p4info)


def test_a_circle_of_references_is_an_error() -> None:
    p4info = small_p4info()
    p4info.tables[0].match_fields[0].annotations.append("@refers_to(hosts_v4, vrf)")
    with pytest.raises(DependencyCycleError, match="tunnels -> hosts_v4 -> tunnels"):
        digest(p4info)


def test_a_match_kind_that_is_not_served_is_named() -> None:
    p4info = small_p4info()
    p4info.tables[0].match_fields[0].other_match_type = "fuzzy"
    with pytest.raises(PipelineError, match="table tunnels, key field tunnel_index: match kind fuzzy"):
        digest(p4info)


def test_an_action_that_does_not_exist_is_named() -> None:
    p4info = small_p4info()
    p4info.tables[0].action_refs[0].id = 1
    with pytest.raises(PipelineError, match="table tunnels names action 0x1"):
        digest(p4info)


def test_actions_for_misses_only_are_not_callable() -> None:
    p4info = small_p4info()
    p4info.tables[3].action_refs[1].scope = p4i.ActionRef.DEFAULT_ONLY
    assert set(digest(p4info).schema.tables["policy"].actions) == {"permit"}


def test_artefacts_are_loaded_from_a_directory(tmp_path: Path) -> None:
    (tmp_path / "p4info.txtpb").write_text(text_format.MessageToString(small_p4info()))
    (tmp_path / "p4vpc.json").write_bytes(b"{}")
    pipeline = Pipeline.load(tmp_path)
    assert pipeline.p4info == small_p4info()
    assert pipeline.device_config == b"{}"


@pytest.mark.parametrize("text", [None, "tables {", "no such field: 1"])
def test_unusable_artefacts_are_a_pipeline_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "p4info.txtpb").write_text(text)
        (tmp_path / "p4vpc.json").write_bytes(b"{}")
    with pytest.raises(PipelineError, match=str(tmp_path)):
        Pipeline.load(tmp_path)


def test_the_same_pipeline_is_known_by_its_cookie() -> None:
    pipeline = small_pipeline()
    assert pipeline.is_same(p4r.ForwardingPipelineConfig(cookie=pipeline.config().cookie))


def test_the_same_pipeline_is_known_by_its_content() -> None:
    pipeline = small_pipeline()
    message = pipeline.config()
    message.ClearField("cookie")
    assert pipeline.is_same(message)


def test_another_pipeline_is_another_one() -> None:
    pipeline, other = small_pipeline(), small_pipeline({"policy": 33})
    assert pipeline.cookie != other.cookie
    assert not pipeline.is_same(other.config())
    assert not pipeline.is_same(p4r.ForwardingPipelineConfig())
    message = pipeline.config()
    message.ClearField("cookie")
    message.p4_device_config = b"something else"
    assert not pipeline.is_same(message)


def test_packets_carry_metadata_by_name() -> None:
    info = small_pipeline().info
    message = p4r.PacketIn(payload=b"frame")
    message.metadata.add(metadata_id=1, value=b"\x01\x02")
    message.metadata.add(metadata_id=77, value=b"\x01")
    assert decode_packet_in(message, info) == Packet(b"frame", {"ingress_port": 0x102})
    out = encode_packet_out(Packet(b"frame", {"egress_port": 0x102}), info)
    assert [(item.metadata_id, item.value) for item in out.metadata] == [(1, b"\x01\x02"), (2, b"\0")]


@pytest.mark.parametrize("metadata", [{"egress_port": 512}, {"nothing": 1}])
def test_packet_out_metadata_must_fit(metadata: dict[str, int]) -> None:
    with pytest.raises(EncodeError, match="packet-out"):
        encode_packet_out(Packet(b"", metadata), small_pipeline().info)
