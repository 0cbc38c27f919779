# SPDX-License-Identifier: Apache-2.0
"""QoS policies and the bound of what is punted, as meter cells."""

from finsy.proto import p4r

from p4vpc.compiler import DesiredEntry, Origin, compile_fabric, compile_switch
from p4vpc.compiler.entries import MeterEntry
from p4vpc.model import Model, build_model
from p4vpc.reconcile import Operation, plan
from tests.unit.p4vpc.compiler.acl_pipeline import acl_pipeline
from tests.unit.p4vpc.model.world import number, number_of, world

EXTRA = """
kind: qos_policy
tenant: red
name: gold
from_port: {rate_bps: 100000001, burst_bytes: 150000}
to_port: {rate_bps: 80000000, burst_bytes: 100000, peak_rate_bps: 160000000, peak_burst_bytes: 200000}
---
kind: qos_policy
tenant: red
name: silver
to_port: {rate_bps: 8000, burst_bytes: 2000}
---
kind: port
tenant: red
vpc: prod
name: web-2
subnet: web
mac: 02:00:00:00:01:02
addresses: [10.0.1.12]
attachment: {switch: leaf2, port: 11, vlan: 7}
qos: gold
---
kind: port
tenant: red
vpc: lab
name: web-1
subnet: web
mac: 02:00:00:00:01:01
addresses: [10.0.1.11]
attachment: {switch: leaf1, port: 12}
qos: silver
---
kind: port
tenant: red
vpc: prod
name: far-1
subnet: web
mac: 02:00:00:00:01:04
addresses: [10.0.1.14]
attachment: {vtep: 10.255.9.1}
qos: gold
---
kind: port
tenant: red
vpc: prod
name: idle-1
subnet: web
mac: 02:00:00:00:01:05
addresses: [10.0.1.15]
qos: gold
"""
PUNT_METERS = ("punt_meter", "egress_punt_meter")
OBJECTS = world(EXTRA)
NUMBERS = number(OBJECTS)
MODEL: Model = build_model(OBJECTS, NUMBERS)


def meters(switch: str) -> dict[MeterEntry, DesiredEntry]:
    every = compile_switch(MODEL, switch).values()
    return {desired.entry: desired for desired in every if isinstance(desired.entry, MeterEntry)}


def limits(switch: str) -> set[MeterEntry]:
    return {entry for entry in meters(switch) if entry.meter in ("port_ingress_meter", "port_egress_meter")}


def test_a_port_is_limited_where_it_is_plugged_in_in_bytes_per_second() -> None:
    web_2 = number_of(NUMBERS, "port_index of leaf2", "red/prod/web-2")
    lab_1 = number_of(NUMBERS, "port_index of leaf1", "red/lab/web-1")
    assert limits("leaf2") == {
        MeterEntry("port_ingress_meter", web_2, 12_500_000, 150_000, 12_500_000, 150_000),
        MeterEntry("port_egress_meter", web_2, 10_000_000, 100_000, 20_000_000, 200_000),
    }
    assert limits("leaf1") == {MeterEntry("port_egress_meter", lab_1, 1000, 2000, 1000, 2000)}


def test_limits_come_from_the_policy_and_the_port() -> None:
    for entry in limits("leaf2"):
        assert meters("leaf2")[entry].origins == (Origin("port", "red/prod/web-2"), Origin("qos_policy", "red/gold"))


def test_what_is_punted_is_bounded_by_reason_at_every_switch() -> None:
    expected = {MeterEntry("punt_meter", reason, 100, 50, 100, 50) for reason in (8, 19, 30, 33, 36)}
    expected |= {MeterEntry(meter, 40 + egress, 10, 10, 10, 10) for egress, meter in enumerate(PUNT_METERS)}
    for switch in MODEL.switches:
        fabric = {desired.entry: desired.origins for desired in compile_fabric(MODEL, switch).values()}
        assert {entry for entry in fabric if isinstance(entry, MeterEntry)} == expected
        assert {fabric[entry] for entry in expected} == {(Origin("fabric", "fabric"),)}


def test_cells_fit_the_meters_of_the_contract() -> None:
    pipeline = acl_pipeline()
    wanted = {desired.entry.identity: desired for switch in MODEL.switches for desired in meters(switch).values()}
    planned = plan(wanted, {}, pipeline.info.schema)
    assert planned.left_out == ()
    written = [change.entry for change in planned.changes]
    assert len(written) == len(wanted)
    for entry in written:
        update = p4r.Update()
        update.MergeFromString(pipeline.codec.encode(Operation.INSERT, entry))
        assert pipeline.codec.decode(update.entity) == entry
    assert {pipeline.info.schema.meters[entry.identity[0]].unit for entry in written} == {"bytes", "packets"}
