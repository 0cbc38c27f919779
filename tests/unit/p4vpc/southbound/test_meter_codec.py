# SPDX-License-Identifier: Apache-2.0
"""Meter cells as P4Runtime messages, in words, and as targets tell them back."""

import pytest
from finsy.proto import p4r
from hypothesis import given
from hypothesis import strategies as st

from p4vpc.compiler.entries import MeterEntry
from p4vpc.reconcile import MeterSchema, Operation
from p4vpc.southbound import DecodeError, EncodeError
from p4vpc.southbound.describe import describe
from p4vpc.southbound.quirks import is_same_meter
from tests.unit.p4vpc.compiler.acl_pipeline import acl_pipeline

PIPELINE = acl_pipeline()
CODEC = PIPELINE.codec
IDS = {
    "port_ingress_meter": 0x14000001,
    "port_egress_meter": 0x14000002,
    "punt_meter": 0x14000003,
    "egress_punt_meter": 0x14000004,
}
CELL = MeterEntry("port_egress_meter", 7, 1000, 2000, 3000, 4000)


def encoded(entry: MeterEntry, operation: Operation = Operation.INSERT) -> p4r.Update:
    update = p4r.Update()
    update.MergeFromString(CODEC.encode(operation, entry))
    return p4r.Update.FromString(update.SerializeToString())


def test_the_p4info_tells_cells_and_units() -> None:
    assert PIPELINE.info.meters == IDS
    assert PIPELINE.info.schema.meters["punt_meter"] == MeterSchema("punt_meter", 256, "packets")


@pytest.mark.parametrize("operation", [Operation.INSERT, Operation.MODIFY])
def test_a_cell_is_modified_whether_it_is_new_or_not(operation: Operation) -> None:
    update = encoded(CELL, operation)
    assert update.type == p4r.Update.MODIFY
    message = update.entity.meter_entry
    assert (message.meter_id, message.index.index) == (IDS["port_egress_meter"], 7)
    config = message.config
    assert (config.cir, config.cburst, config.pir, config.pburst) == (1000, 2000, 3000, 4000)


def test_a_cell_without_a_configuration_is_reset() -> None:
    update = encoded(CELL, Operation.DELETE)
    assert update.type == p4r.Update.MODIFY
    assert update.entity.meter_entry.index.index == 7
    assert not update.entity.meter_entry.HasField("config")


def test_the_first_cell_has_an_index_or_it_would_be_a_wildcard() -> None:
    message = encoded(MeterEntry("punt_meter", 0, 1, 1, 1, 1)).entity.meter_entry
    assert message.HasField("index")


rates = st.integers(0, 2**63 - 1)


@given(st.sampled_from(sorted(IDS)), st.integers(0, 255), st.tuples(rates, rates).map(sorted), rates, rates)
def test_what_is_encoded_is_decoded_to_the_same(
    meter: str, index: int, speeds: list[int], cburst: int, pburst: int
) -> None:
    entry = MeterEntry(meter, index, speeds[0], cburst, speeds[1], pburst)
    assert CODEC.decode(encoded(entry).entity) == entry


def test_a_cell_that_is_not_configured_is_no_entry() -> None:
    message = p4r.MeterEntry(meter_id=IDS["punt_meter"], index=p4r.Index(index=3))
    assert CODEC.decode(p4r.Entity(meter_entry=message)) is None


def test_an_unknown_meter_is_an_error() -> None:
    with pytest.raises(DecodeError, match="a cell of meter 0x14000099, which is unknown"):
        CODEC.decode(p4r.Entity(meter_entry=p4r.MeterEntry(meter_id=0x14000099)))


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (MeterEntry("nope", 1, 1, 1, 1, 1), "the pipeline has no meter nope"),
        (MeterEntry("punt_meter", 256, 1, 1, 1, 1), "meter punt_meter: 256 is not in 0..255"),
        (MeterEntry("punt_meter", -1, 1, 1, 1, 1), "meter punt_meter: -1 is not in 0..255"),
        (MeterEntry("punt_meter", 1, -1, 1, 1, 1), r"meter punt_meter\[1\]: cir is -1, not in 0.."),
        (MeterEntry("punt_meter", 1, 1, 1, 1, 2**63), r"meter punt_meter\[1\]: pburst is 9223372036854775808, not in"),
        (MeterEntry("punt_meter", 1, 2, 1, 1, 1), r"meter punt_meter\[1\]: the peak rate is below the committed rate"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_switch_is_asked(entry: MeterEntry, reason: str) -> None:
    with pytest.raises(EncodeError, match=reason):
        encoded(entry)


def test_all_cells_of_each_meter_are_asked_for() -> None:
    wildcards = [entity.meter_entry for _, entity in CODEC.meters.wildcards()]
    assert {message.meter_id for message in wildcards} == set(IDS.values())
    assert not any(message.HasField("index") for message in wildcards)


def test_in_words() -> None:
    schema = PIPELINE.info.schema
    assert describe(CELL, schema) == ("port_egress_meter[7] -> 1000 bytes/s burst 2000, peak 3000 bytes/s burst 4000")
    assert describe(MeterEntry("nope", 1, 1, 2, 3, 4), schema) == "nope[1] -> 1 units/s burst 2, peak 3 units/s burst 4"


@pytest.mark.parametrize(
    ("told", "is_same"),
    [
        (CELL, True),
        (MeterEntry("port_egress_meter", 7, 999, 2000, 3000, 4000), True),
        (MeterEntry("port_egress_meter", 7, 999, 2000, 2999, 4000), True),
        (MeterEntry("port_egress_meter", 7, 1001, 2000, 3000, 4000), False),
        (MeterEntry("port_egress_meter", 7, 998, 2000, 3000, 4000), False),
        (MeterEntry("port_egress_meter", 7, 1000, 1999, 3000, 4000), False),
        (MeterEntry("port_egress_meter", 8, 1000, 2000, 3000, 4000), False),
    ],
)
def test_a_rate_may_come_back_one_lower(told: MeterEntry, is_same: bool) -> None:
    assert is_same_meter(told, CELL) is is_same


@given(st.integers(0, 10**13 // 8))
def test_rates_of_bmv2_are_taken_for_what_was_written(rate: int) -> None:
    """PI/src/direct_res_spec.cpp of behavioral-model: to a double per microsecond, and back by cutting off."""
    told = int(rate / 1000000.0 * 1000000.0)
    assert is_same_meter(MeterEntry("punt_meter", 1, told, 5, told, 5), MeterEntry("punt_meter", 1, rate, 5, rate, 5))
