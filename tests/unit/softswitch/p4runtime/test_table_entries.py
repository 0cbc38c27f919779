# SPDX-License-Identifier: Apache-2.0
import re

import pytest
from finsy.proto import p4r
from grpc import StatusCode

from softswitch.errors import SoftswitchError
from softswitch.p4runtime.entities import DELETE, INSERT, MODIFY, to_status_error


def exact(field_id: int, value: int) -> p4r.FieldMatch:
    return p4r.FieldMatch(field_id=field_id, exact=p4r.FieldMatch.Exact(value=value.to_bytes(6, "big")))


def ternary(field_id: int, value: bytes, mask: bytes) -> p4r.FieldMatch:
    return p4r.FieldMatch(field_id=field_id, ternary=p4r.FieldMatch.Ternary(value=value, mask=mask))


MAC = exact(1, 0x0A)


@pytest.fixture
def entries(pipeline):
    return pipeline.handlers["table_entry"]


def refused(handler, kind, entity) -> tuple[StatusCode, str]:
    with pytest.raises(SoftswitchError) as caught:
        handler.write(kind, entity)
    error = to_status_error(caught.value)
    return error.code, error.message


def read(handler, entity) -> list[p4r.TableEntry]:
    return [found.table_entry for found in handler.read(entity)]


def test_an_entry_reads_back_canonical(entries, names):
    entries.write(INSERT, names.entry("l2", MAC, action=names.action("send_counted", 3), metadata=b"note"))
    (found,) = read(entries, names.entry("l2"))
    assert found.match[0].exact.value == b"\x0a"
    assert found.action.action.params[0].value == b"\x03"
    assert found.metadata == b"note"
    assert not found.HasField("counter_data")
    # What is read can be written as it is, and reads back the same.
    entries.write(DELETE, p4r.Entity(table_entry=found))
    entries.write(INSERT, p4r.Entity(table_entry=found))
    assert read(entries, names.entry("l2")) == [found]


def test_delete_looks_at_the_key_only(entries, names):
    entries.write(INSERT, names.entry("l2", MAC, action=names.action("send_counted", 3)))
    entries.write(DELETE, names.entry("l2", MAC, action=p4r.Action(action_id=99), metadata=b"x"))
    assert read(entries, names.entry("l2")) == []


@pytest.mark.parametrize(
    ("update", "code", "message"),
    [
        ((INSERT, "l2", [MAC], None, {}), StatusCode.INVALID_ARGUMENT, "table l2: action is not set"),
        (
            (INSERT, "l2", [MAC], ("drop",), {}),
            StatusCode.INVALID_ARGUMENT,
            "table l2: action id .* is not one of its actions",
        ),
        ((INSERT, "l2", [MAC], ("NoAction",), {}), StatusCode.PERMISSION_DENIED, "NoAction may only be its default"),
        ((INSERT, "l2", [MAC], ("send_counted",), {}), StatusCode.INVALID_ARGUMENT, "parameter port is missing"),
        ((INSERT, "l2", [MAC], ("send_counted", 1, 2), {}), StatusCode.INVALID_ARGUMENT, "no parameter with id 2"),
        (
            (INSERT, "l2", [MAC], ("send_counted", 512), {}),
            StatusCode.OUT_OF_RANGE,
            "port: value 0x200 does not fit in 9",
        ),
        (
            (INSERT, "l2", [MAC], ("send_counted", 1), {"priority": 5}),
            StatusCode.INVALID_ARGUMENT,
            "leave the priority out",
        ),
        ((INSERT, "l2", [MAC], ("send_counted", 1), {"is_const": True}), StatusCode.INVALID_ARGUMENT, "is_const"),
        (
            (INSERT, "l2", [MAC], ("send_counted", 1), {"idle_timeout_ns": 1}),
            StatusCode.INVALID_ARGUMENT,
            "idle_timeout_ns",
        ),
        (
            (INSERT, "l2", [MAC], ("send_counted", 1), {"is_default_action": True}),
            StatusCode.INVALID_ARGUMENT,
            "only MODIFY",
        ),
        (
            (MODIFY, "l2", [MAC], ("send_counted", 1), {"is_default_action": True}),
            StatusCode.INVALID_ARGUMENT,
            "no match",
        ),
        (
            (MODIFY, "l2", [], ("mirror",), {"is_default_action": True}),
            StatusCode.PERMISSION_DENIED,
            "may not be its default",
        ),
        ((MODIFY, "acl", [], ("NoAction",), {"is_default_action": True}), StatusCode.PERMISSION_DENIED, "constant"),
        ((INSERT, "acl", [], ("allow",), {}), StatusCode.INVALID_ARGUMENT, "needs a priority above 0"),
        ((MODIFY, "l2", [MAC], ("send_counted", 1), {}), StatusCode.NOT_FOUND, "no entry with dst_mac=0xa"),
        ((DELETE, "l2", [MAC], None, {}), StatusCode.NOT_FOUND, "no entry with dst_mac=0xa"),
        ((DELETE, "l2", [], None, {}), StatusCode.INVALID_ARGUMENT, "dst_mac is missing"),
        ((INSERT, "fixed", [], ("drop",), {"priority": 1}), StatusCode.PERMISSION_DENIED, "constant"),
        (
            (INSERT, "ecmp", [exact(1, 1)], ("drop",), {}),
            StatusCode.INVALID_ARGUMENT,
            "a member id, a group id or an action set",
        ),
        (
            (INSERT, "indirect", [exact(1, 1)], ("drop",), {}),
            StatusCode.INVALID_ARGUMENT,
            "give it a member id, not action",
        ),
    ],
)
def test_a_wrong_update_is_refused(entries, names, update, code, message):
    kind, table, matches, action, fields = update
    entity = names.entry(table, *matches, action=names.action(*action) if action else None, **fields)
    got, text = refused(entries, kind, entity)
    assert got is code, text
    assert re.search(message, text), text
    assert all(not len(codec.table) for codec in entries._tables.values() if codec.name != "fixed")


def test_an_unknown_table_is_named(entries):
    code, message = refused(entries, INSERT, p4r.Entity(table_entry=p4r.TableEntry(table_id=0x02FFFFFF)))
    assert code is StatusCode.INVALID_ARGUMENT
    assert "table_id: 50331647" in message


def test_the_same_key_twice_already_exists(entries, names):
    entries.write(INSERT, names.entry("l2", MAC, action=names.action("send_counted", 1)))
    assert refused(entries, INSERT, names.entry("l2", MAC, action=names.action("send_counted", 2)))[0] is (
        StatusCode.ALREADY_EXISTS
    )
    (found,) = read(entries, names.entry("l2"))
    assert found.action.action.params[0].value == b"\x01"


def test_a_full_table_is_resource_exhausted(entries, names):
    for priority in range(1, 9):
        entries.write(INSERT, names.entry("acl", action=names.action("allow"), priority=priority))
    entity = names.entry("acl", action=names.action("allow"), priority=9)
    assert refused(entries, INSERT, entity)[0] is StatusCode.RESOURCE_EXHAUSTED


def test_modify_without_action_keeps_it(entries, names):
    entries.write(INSERT, names.entry("l2", MAC, action=names.action("send_counted", 1), metadata=b"note"))
    entries.write(MODIFY, names.entry("l2", MAC, counter_data=p4r.CounterData(packet_count=7, byte_count=70)))
    wanted = names.entry("l2", MAC, counter_data=p4r.CounterData())
    (found,) = read(entries, wanted)
    assert found.action.action == p4r.Action(
        action_id=names.id_of("actions", "send_counted"), params=[p4r.Action.Param(param_id=1, value=b"\x01")]
    )
    assert (found.counter_data.packet_count, found.counter_data.byte_count) == (7, 70)
    entries.write(MODIFY, names.entry("l2", MAC, action=names.action("send_counted", 2)))
    (found,) = read(entries, wanted)
    assert found.counter_data.packet_count == 7


def test_the_default_entry_is_changed_and_reset(entries, names):
    wanted = names.entry("l2", is_default_action=True)
    (before,) = read(entries, wanted)
    assert before.action.action.action_id == names.id_of("actions", "NoAction")
    entries.write(MODIFY, names.entry("l2", action=names.action("punt", 4), is_default_action=True, metadata=b"mine"))
    (changed,) = read(entries, wanted)
    assert (changed.action.action.params[0].value, changed.metadata) == (b"\x04", b"mine")
    entries.write(MODIFY, names.entry("l2", is_default_action=True))
    assert read(entries, wanted) == [before]


def test_constant_entries_are_read_but_not_written(entries, names):
    (found,) = read(entries, names.entry("fixed"))
    assert found.is_const
    assert found.priority == 2
    found.is_const = False
    assert refused(entries, DELETE, p4r.Entity(table_entry=found))[0] is StatusCode.PERMISSION_DENIED
    assert refused(entries, MODIFY, p4r.Entity(table_entry=found))[0] is StatusCode.PERMISSION_DENIED


def test_direct_meters_are_set_and_reset_with_the_entry(entries, names, pipeline):
    rates = p4r.MeterConfig(cir=1, cburst=2, pir=3, pburst=4)
    entries.write(INSERT, names.entry("acl", action=names.action("allow"), priority=1, meter_config=rates))
    wanted = names.entry("acl", meter_config=p4r.MeterConfig())
    assert read(entries, wanted)[0].meter_config == rates
    assert not read(entries, names.entry("acl"))[0].HasField("meter_config")
    entries.write(MODIFY, names.entry("acl", action=names.action("allow"), priority=1))
    assert not read(entries, wanted)[0].HasField("meter_config")
    meters = pipeline.handlers["direct_meter_entry"]
    target = names.entry("acl", priority=1).table_entry
    meters.write(MODIFY, p4r.Entity(direct_meter_entry=p4r.DirectMeterEntry(table_entry=target, config=rates)))
    assert read(entries, wanted)[0].meter_config == rates
    wrong = p4r.MeterConfig(cir=5, cburst=2, pir=3, pburst=4)
    entity = names.entry("acl", action=names.action("allow"), priority=2, meter_config=wrong)
    assert refused(entries, INSERT, entity)[0] is StatusCode.INVALID_ARGUMENT
    assert len(read(entries, wanted)) == 1


def test_resources_that_a_table_has_not_are_refused(entries, names):
    entity = names.entry("acl", action=names.action("allow"), priority=1, counter_data=p4r.CounterData())
    assert "no direct counter" in refused(entries, INSERT, entity)[1]
    entity = names.entry("l2", MAC, action=names.action("send_counted", 1), meter_config=p4r.MeterConfig())
    assert "no direct meter" in refused(entries, INSERT, entity)[1]


def test_direct_counters_by_themselves(entries, names, pipeline):
    counters = pipeline.handlers["direct_counter_entry"]
    for mac in (1, 2):
        entries.write(INSERT, names.entry("l2", exact(1, mac), action=names.action("send_counted", mac)))
    target = names.entry("l2", exact(1, 2)).table_entry
    data = p4r.CounterData(packet_count=5, byte_count=500)
    counters.write(MODIFY, p4r.Entity(direct_counter_entry=p4r.DirectCounterEntry(table_entry=target, data=data)))
    everything = p4r.Entity(direct_counter_entry=p4r.DirectCounterEntry())
    found = [item.direct_counter_entry for item in counters.read(everything)]
    assert [item.data.packet_count for item in found] == [0, 5]
    one = p4r.Entity(direct_counter_entry=p4r.DirectCounterEntry(table_entry=target))
    assert [item.direct_counter_entry.data for item in counters.read(one)] == [data]
    missing = p4r.DirectCounterEntry(table_entry=names.entry("l2", exact(1, 9)).table_entry)
    with pytest.raises(SoftswitchError) as caught:
        list(counters.read(p4r.Entity(direct_counter_entry=missing)))
    assert to_status_error(caught.value).code is StatusCode.NOT_FOUND
    assert refused(counters, INSERT, one)[0] is StatusCode.INVALID_ARGUMENT


def test_reads_filter(entries, names):
    for number in range(1, 5):
        entries.write(
            INSERT,
            names.entry(
                "acl",
                ternary(1, bytes([number]), b"\xff"),
                action=names.action("allow" if number % 2 else "deny"),
                priority=number,
                metadata=b"odd" if number % 2 else b"even",
                controller_metadata=number * 10,
            ),
        )

    def priorities(*matches, **fields) -> list[int]:
        return sorted(entry.priority for entry in read(entries, names.entry("acl", *matches, **fields)))

    assert priorities() == [1, 2, 3, 4]
    assert priorities(priority=3) == [3]
    assert priorities(metadata=b"odd") == [1, 3]
    assert priorities(controller_metadata=20) == [2]
    assert priorities(action=p4r.Action(action_id=names.id_of("actions", "deny"))) == [2, 4]
    assert priorities(ternary(1, b"\x02", b"\xff"), priority=2) == [2]
    assert priorities(ternary(1, b"\x02", b"\xff"), priority=3) == []
    assert [entry.controller_metadata for entry in read(entries, names.entry("acl", priority=4))] == [40]


def test_table_id_zero_reads_every_table(entries, names):
    entries.write(INSERT, names.entry("l2", MAC, action=names.action("send_counted", 1)))
    tables = {entry.table_id for entry in read(entries, p4r.Entity(table_entry=p4r.TableEntry()))}
    assert tables == {names.id_of("tables", "l2"), names.id_of("tables", "fixed")}


def test_idle_timeouts_belong_to_the_entry(entries, names):
    entries.write(INSERT, names.entry("sources", MAC, action=names.action("NoAction"), idle_timeout_ns=10**9))
    (found,) = read(entries, names.entry("sources", time_since_last_hit=p4r.TableEntry.IdleTimeout()))
    assert found.idle_timeout_ns == 10**9
    assert found.HasField("time_since_last_hit")
    assert not read(entries, names.entry("sources"))[0].HasField("time_since_last_hit")
