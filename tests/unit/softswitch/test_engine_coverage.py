# SPDX-License-Identifier: Apache-2.0
"""Coverage: what packets reach is counted, what they do not reach is there with 0, and packets fare the same."""

import json
import struct
from collections.abc import Callable

from softswitch.coverage import Coverage
from softswitch.program import Program
from softswitch.runtime import ActionCall

FRAME = struct.Struct(">BHIHB")
TABLE = "TheIngress.exact_one"


def frame(a: int) -> bytes:
    return FRAME.pack(0, a, 0, 0, 0)


def test_what_is_reached_is_counted_over_the_switches_of_a_program(load_program: Callable[[str], Program]) -> None:
    program, coverage = load_program("tables"), Coverage()
    plain = program.instantiate()
    for key in (5, 6):
        switch = program.instantiate(coverage=coverage)
        for each in (switch, plain):
            each.tables[TABLE].insert((key,), ActionCall("TheIngress.set_value", (1,)))
        for value in (key, 9, 9):
            assert switch.process(4, frame(value)) == plain.process(4, frame(value))
    counts = json.loads(coverage.to_json())
    table = counts["tables"][TABLE]
    assert (table["hit"], table["miss"], table["actions"]["TheIngress.set_value"]) == (2, 4, 2)
    assert table["actions"]["TheIngress.set_port"] == 0
    assert counts["parser_states"]["start"] == 6
    assert {name for name in counts["tables"] if name.startswith("TheIngress.")} <= program.instantiate().tables.keys()


def test_what_nothing_leads_to_is_left_out(load_program: Callable[[str], Program]) -> None:
    coverage = Coverage()
    coverage.include(load_program("tables").ir)
    counts = json.loads(coverage.to_json())
    assert "hit" not in counts["tables"]["TheIngress.keyless"]
    assert counts["tables"]["TheIngress.keyless"]["miss"] == 0
    assert not any(coverage.outcomes.values())
    assert not any(coverage.actions.values())


def test_small_keys_are_counted_by_value(load_program: Callable[[str], Program]) -> None:
    coverage = Coverage()
    switch = load_program("tables").instantiate(coverage=coverage)
    small = {name for name, table in json.loads(coverage.to_json())["tables"].items() if "keys" in table}
    widths = {name: sum(field.width for field in table.key) for name, table in switch.tables.items() if table.key}
    assert small == {name for name, width in widths.items() if width <= 8}
