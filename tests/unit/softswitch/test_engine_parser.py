# SPDX-License-Identifier: Apache-2.0
"""Header stacks, parser loops, lookahead, advance, value sets, parser errors."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from softswitch.runtime import Switch

NO_ERROR, TOO_SHORT, OUT_OF_BOUNDS, BAD_VERSION = 0, 1, 2, 3


@dataclass
class Report:
    error: int
    depth: int
    picked: int
    ahead: int
    is_in_set: int
    rest: bytes


def frame(ether_type: int, *parts: bytes) -> bytes:
    return bytes(12) + ether_type.to_bytes(2, "big") + b"".join(parts)


def label(value: int, is_last: bool = False, ttl: int = 1) -> bytes:
    return (value << 12 | is_last << 8 | ttl).to_bytes(4, "big")


def command(operation: int, index: int = 0, words: int = 0, version: int = 1) -> bytes:
    return bytes([version, operation, index, words])


@pytest.fixture
def switch(make_switch: Callable[[str], Switch]) -> Switch:
    return make_switch("stacks")


def run(switch: Switch, packet: bytes) -> Report:
    ((port, sent),) = switch.process(0, packet)
    assert port == 1
    assert sent[:14] == packet[:14] or len(packet) < 14
    start = 14 if len(packet) >= 14 else 0
    body = sent[start : start + 9]
    return Report(
        body[0],
        body[1],
        int.from_bytes(body[2:6], "big"),
        int.from_bytes(body[6:8], "big"),
        body[8],
        sent[start + 9 :],
    )


def test_stack_is_parsed_to_its_last_label(switch: Switch) -> None:
    packet = frame(0x8847, label(1), label(2), label(3, True), b"payload")
    report = run(switch, packet)
    assert (report.error, report.depth, report.rest) == (NO_ERROR, 3, packet[14:])


def test_stack_overflow(switch: Switch) -> None:
    packet = frame(0x8847, *(label(number) for number in range(6)))
    report = run(switch, packet)
    assert (report.error, report.depth, report.rest) == (OUT_OF_BOUNDS, 4, packet[14:])


def test_truncated_in_a_label_keeps_the_rest_as_payload(switch: Switch) -> None:
    packet = frame(0x8847, label(1), b"\1\2\3")
    report = run(switch, packet)
    assert (report.error, report.depth, report.rest) == (TOO_SHORT, 1, packet[14:])


@pytest.mark.parametrize("length", range(14))
def test_too_short_for_ethernet(switch: Switch, length: int) -> None:
    report = run(switch, bytes(range(length)))
    assert (report.error, report.rest) == (TOO_SHORT, bytes(range(length)))


def test_lookahead(switch: Switch) -> None:
    assert run(switch, frame(0x9001, b"\x12\x34")).ahead == 0x1234
    assert run(switch, frame(0x9003, b"\x12\x34")).ahead == 0x1234
    short = run(switch, frame(0x9001, b"\x12"))
    assert (short.error, short.ahead, short.rest) == (TOO_SHORT, 0, b"\x12")
    taken = run(switch, frame(0x9001, command(0, version=0xFF), b"x"))
    assert (taken.error, taken.ahead) == (NO_ERROR, 0xFF00)


def test_advance_drops_what_it_skips(switch: Switch) -> None:
    packet = frame(0x9000, command(0, words=2), b"abcd", b"payload")
    assert run(switch, packet).rest == command(0, words=2) + b"payload"
    packet = frame(0x9000, command(0, words=3), b"abcd")
    report = run(switch, packet)
    assert (report.error, report.rest) == (TOO_SHORT, packet[14:])


def test_verify(switch: Switch) -> None:
    packet = frame(0x9000, command(1, version=2), label(1, True))
    report = run(switch, packet)
    assert (report.error, report.depth) == (BAD_VERSION, 0)


def test_push_discards_what_falls_off(switch: Switch) -> None:
    full = [label(number, number == 4) for number in (1, 2, 3, 4)]
    report = run(switch, frame(0x9000, command(1), *full))
    assert report.rest == command(1) + label(0xABCDE, ttl=64) + b"".join(full[:3])
    report = run(switch, frame(0x9000, command(4), *full))
    assert report.rest == command(4) + b"".join(full[:2])


def test_pop(switch: Switch) -> None:
    labels = [label(1), label(2, True)]
    assert run(switch, frame(0x9000, command(2), *labels, b"x")).rest == command(2) + labels[1] + b"x"


def test_element_at_run_time_index(switch: Switch) -> None:
    labels = [label(5), label(6), label(7, True)]
    report = run(switch, frame(0x9000, command(3, index=1), *labels))
    assert report.picked == 6
    assert report.rest == command(3, index=1) + labels[0] + label(6, ttl=99) + labels[2]
    outside = run(switch, frame(0x9000, command(3, index=200), *labels))
    assert (outside.picked, outside.rest) == (0, command(3, index=200) + b"".join(labels))


def test_header_assignment_inside_a_stack(switch: Switch) -> None:
    labels = [label(5, ttl=9), label(6, True)]
    report = run(switch, frame(0x9000, command(5), *labels))
    assert report.rest == command(5) + labels[1] + labels[0]


def test_value_set(switch: Switch) -> None:
    packet = frame(0x1234, label(1, True))
    assert run(switch, packet).depth == 0
    (values,) = switch.value_sets.values()
    values.insert(0x1234)
    report = run(switch, packet)
    assert (report.depth, report.is_in_set) == (1, 1)
    values.delete(0x1234)
    assert run(switch, packet).depth == 0


def test_trace_names_states_and_error(switch: Switch) -> None:
    trace = switch.trace(0, frame(0x8847, label(1), label(2, True)))
    assert trace.parser_states == ["start", "parse_labels", "parse_labels"]
    assert trace.outputs == switch.process(0, trace.frame)
    short = switch.trace(0, b"")
    assert [step.name for step in short.steps if step.kind == "error"] == ["PacketTooShort"]
