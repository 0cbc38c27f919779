# SPDX-License-Identifier: Apache-2.0
"""Tables inside a running program: what is looked up, which action runs, where the pipeline goes on."""

import struct
from collections.abc import Callable
from typing import NamedTuple

import pytest

from softswitch.errors import ConstantEntryError
from softswitch.runtime import ActionCall, MatchKind, MatchValue, MemberRef, MeterConfig, Switch

FRAME = struct.Struct(">BHIHBBI")
MISSED = 0xFF
EXACT_ONE, EXACT_TWO, PREFIX, TERNARIES, FIXED, VALIDITY, SELECTED, PROFILED, SWITCHED, METERED, KEYLESS = range(11)


class Result(NamedTuple):
    port: int
    has_reached_end: bool
    d: int
    action: int
    value: int


@pytest.fixture
def switch(make_switch: Callable[[str], Switch]) -> Switch:
    return make_switch("tables")


def apply(switch: Switch, table: int, a: int = 0, *, b: int = 0, c: int = 0, d: int = 0) -> Result:
    frame = FRAME.pack(table, a, b, c, d, 0, 0)[:10]
    ((port, sent),) = switch.process(4, frame)
    number, _, _, _, sent_d, action, value = FRAME.unpack(sent)
    return Result(port, number == 0xAA, sent_d, action, value)


def set_value(value: int) -> ActionCall:
    return ActionCall("TheIngress.set_value", (value,))


def test_exact_hit_counts_and_miss_does_not(switch: Switch) -> None:
    table = switch.tables["TheIngress.exact_one"]
    entry = table.insert((5,), set_value(77))
    assert apply(switch, EXACT_ONE, 5)[3:] == (1, 77)
    assert apply(switch, EXACT_ONE, 6).action == MISSED
    assert (entry.packets, entry.bytes) == (1, 10)
    assert (table.default_entry.packets, table.default_entry.bytes) == (0, 0)


def test_changes_take_effect_between_packets(switch: Switch) -> None:
    table = switch.tables["TheIngress.exact_one"]
    table.insert((5,), set_value(1))
    assert apply(switch, EXACT_ONE, 5).value == 1
    table.modify((5,), ActionCall("TheIngress.set_port", (9, 3)))
    assert apply(switch, EXACT_ONE, 5) == (9, True, 0, 2, 3)
    table.delete((5,))
    assert apply(switch, EXACT_ONE, 5).action == MISSED


def test_last_hit_is_kept_for_idle_timeouts(switch: Switch, clock: object) -> None:
    entry = switch.tables["TheIngress.exact_one"].insert((5,), set_value(1), idle_timeout_ns=10)
    clock.now_us += 500
    apply(switch, EXACT_ONE, 6)
    assert entry.last_hit_us == 0
    apply(switch, EXACT_ONE, 5)
    assert entry.last_hit_us == 500


def test_two_fields(switch: Switch) -> None:
    table = switch.tables["TheIngress.exact_two"]
    assert [field.name for field in table.key] == ["hdr.key.a", "third"]
    table.insert((5, 6), set_value(1))
    assert apply(switch, EXACT_TWO, 5, c=6).value == 1
    assert apply(switch, EXACT_TWO, 6, c=5).action == MISSED


def test_longest_prefix_wins_and_caches_follow_writes(switch: Switch) -> None:
    table = switch.tables["TheIngress.longest_prefix"]
    table.insert((1, (0x0A000000, 8)), set_value(8))
    assert apply(switch, PREFIX, 1, b=0x0A010203).value == 8
    table.insert((1, (0x0A010000, 16)), set_value(16))
    assert apply(switch, PREFIX, 1, b=0x0A010203).value == 16
    assert apply(switch, PREFIX, 2, b=0x0A010203).action == MISSED
    table.insert((1, (0, 0)), set_value(0))
    assert apply(switch, PREFIX, 1, b=0xFF000000)[3:] == (1, 0)
    table.delete((1, (0x0A010000, 16)))
    assert apply(switch, PREFIX, 1, b=0x0A010203).value == 8
    table.set_default(set_value(5))
    assert apply(switch, PREFIX, 2, b=0x0A010203).value == 5


def test_priorities(switch: Switch) -> None:
    table = switch.tables["TheIngress.ternaries"]
    # The compiler spells optional fields ternary in its JSON.
    assert [field.kind for field in table.key] == [
        MatchKind.TERNARY,
        MatchKind.LPM,
        MatchKind.RANGE,
        MatchKind.TERNARY,
    ]
    everything: tuple[MatchValue, ...] = ((0, 0), (0, 0), (0, 0xFFFF), (0, 0))
    table.insert(everything, set_value(1), 1)
    table.insert(((0, 0), (0x0A000000, 8), (10, 20), (0, 0)), set_value(2), 5)
    table.insert(((7, 0xFF), (0, 0), (0, 0xFFFF), (3, 0xFF)), set_value(3), 9)
    assert apply(switch, TERNARIES, 0).value == 1
    assert apply(switch, TERNARIES, 0, b=0x0A000001, c=15).value == 2
    assert apply(switch, TERNARIES, 0, b=0x0A000001, c=21).value == 1
    assert apply(switch, TERNARIES, 0x107, b=0x0A000001, c=15, d=3).value == 3
    assert apply(switch, TERNARIES, 0x107, b=0x0A000001, c=15, d=4).value == 2


def test_entries_of_the_program(switch: Switch) -> None:
    assert apply(switch, FIXED, 0x1234, c=15).value == 1, "the first entry comes first"
    assert apply(switch, FIXED, 0x1234, c=30).value == 2
    assert apply(switch, FIXED, 0x1234, c=5).value == 2
    assert apply(switch, FIXED, 0x2000, c=5) == (7, True, 0, 2, 3)
    assert apply(switch, FIXED, 0x2000, c=6).action == MISSED
    table = switch.tables["TheIngress.fixed"]
    assert [entry.priority for entry in table] == [3, 2, 1]
    with pytest.raises(ConstantEntryError):
        table.insert(((0, 0), (0, 1)), set_value(1), 7)
    switch.reset()
    assert apply(switch, FIXED, 0x1234, c=15).value == 1


def test_invalid_header_is_looked_up_as_zero(switch: Switch) -> None:
    switch.tables["TheIngress.validity"].insert((0, 0, 1), set_value(4))
    assert apply(switch, VALIDITY).value == 4


def test_hit_and_miss_branches(switch: Switch) -> None:
    profile = switch.action_profiles["TheIngress.profile"]
    profile.insert_member(1, set_value(9))
    switch.tables["TheIngress.profiled"].insert((1,), MemberRef(1))
    assert apply(switch, PROFILED, 1, d=7) == (1, True, 7, 1, 9)
    assert apply(switch, PROFILED, 2, d=7) == (1, True, 2, 0, 0)
    assert apply(switch, SELECTED, 2).d == 2


def test_switch_on_the_action(switch: Switch) -> None:
    table = switch.tables["TheIngress.switched"]
    table.insert((1,), set_value(1))
    table.insert((2,), ActionCall("TheIngress.set_port", (8, 1)))
    assert apply(switch, SWITCHED, 1).d == 11
    assert apply(switch, SWITCHED, 2) == (8, True, 12, 2, 1)
    assert apply(switch, SWITCHED, 3).d == 13
    table.set_default(set_value(1))
    assert apply(switch, SWITCHED, 3).d == 11


def test_exit_leaves_the_pipeline(switch: Switch) -> None:
    switch.tables["TheIngress.switched"].insert((1,), ActionCall("TheIngress.leave"))
    result = apply(switch, SWITCHED, 1)
    assert (result.has_reached_end, result.d, result.action) == (False, 0, 3)
    switch.tables["TheIngress.exact_one"].insert((1,), ActionCall("TheIngress.leave"))
    assert not apply(switch, EXACT_ONE, 1).has_reached_end


def test_direct_meter(switch: Switch, clock: object) -> None:
    table = switch.tables["TheIngress.metered"]
    entry = table.insert((1,), ActionCall("TheIngress.set_metered", (3,)))
    assert apply(switch, METERED, 1)[3:] == (0, 3)
    table.configure_meter(entry, MeterConfig(1, 1, 2, 2), switch.now_us())
    assert [apply(switch, METERED, 1).action for _ in range(4)] == [0, 1, 2, 2]
    table.configure_meter(entry, None, switch.now_us())
    assert apply(switch, METERED, 1).action == 0


def test_keyless_table(switch: Switch) -> None:
    assert apply(switch, KEYLESS).action == MISSED
    switch.tables["TheIngress.keyless"].set_default(set_value(6))
    assert apply(switch, KEYLESS).value == 6


def test_trace_names_entries_and_actions(switch: Switch) -> None:
    entry = switch.tables["TheIngress.exact_one"].insert((5,), set_value(77))
    trace = switch.trace(4, FRAME.pack(EXACT_ONE, 5, 0, 0, 0, 0, 0)[:10])
    assert ("TheIngress.exact_one", entry) in trace.tables
    assert "TheIngress.set_value" in trace.actions
    (step,) = [step for step in trace.steps if step.name == "TheIngress.set_value"]
    assert step.args == (77,)
    assert "table TheIngress.exact_one (0x5) hit" in str(trace)
    missed = switch.trace(4, FRAME.pack(EXACT_ONE, 6, 0, 0, 0, 0, 0)[:10])
    assert ("TheIngress.exact_one", None) in missed.tables


def test_switches_of_one_program_share_nothing(make_switch: Callable[[str], Switch]) -> None:
    first, second = make_switch("tables"), make_switch("tables")
    first.tables["TheIngress.exact_one"].insert((5,), set_value(77))
    assert apply(first, EXACT_ONE, 5).value == 77
    assert apply(second, EXACT_ONE, 5).action == MISSED
