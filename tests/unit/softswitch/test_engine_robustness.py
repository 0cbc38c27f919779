# SPDX-License-Identifier: Apache-2.0
"""No frame brings the switch down, the traced variant does the same, and an untouched frame comes out as it went in."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.program import Program
from softswitch.runtime import CloneSession, Replica, Switch

NAMES = ("arithmetic", "copies", "externs", "locals", "passthrough", "stacks", "tables")
FRAMES = st.binary(max_size=120)
IPV4_FRAMES = st.builds(
    lambda macs, tag, ihl, protocol, rest: (
        macs + tag + b"\x08\0" + bytes([0x40 | ihl]) + rest[:8] + protocol + rest[8:]
    ),
    st.binary(min_size=12, max_size=12),
    st.sampled_from([b"", b"\x81\0\x20\x05"]),
    st.integers(0, 15),
    st.sampled_from([b"\6", b"\x11", b"\1"]),
    st.binary(max_size=80),
)


def prepare(load_program: Callable[[str], Program], name: str) -> Switch:
    switch = load_program(name).instantiate(now_us=lambda: 0)
    switch.multicast.insert(1, [Replica(1, 1), Replica(2, 2)])
    switch.clone_sessions.insert(1, CloneSession((Replica(3, 3),), packet_length_bytes=9))
    return switch


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(frame=FRAMES | IPV4_FRAMES, port=st.integers(0, 600))
def test_any_frame_is_processed(load_program: Callable[[str], Program], name: str, frame: bytes, port: int) -> None:
    switch = prepare(load_program, name)
    outputs = switch.process(port, frame)
    assert switch.faults == 0
    assert prepare(load_program, name).trace(port, frame).outputs == outputs


@pytest.mark.parametrize("name", NAMES)
def test_empty_and_jumbo_frames(load_program: Callable[[str], Program], name: str) -> None:
    switch = prepare(load_program, name)
    for frame in (b"", bytes(9000), b"\xff" * 65535):
        switch.process(0, frame)
    assert switch.faults == 0


@given(frame=FRAMES | IPV4_FRAMES)
def test_deparsing_undoes_parsing(load_program: Callable[[str], Program], frame: bytes) -> None:
    if frame[12:14] == b"\xff\xff":
        return
    assert prepare(load_program, "passthrough").process(5, frame) == [(5, frame)]


def test_changed_fields_only(load_program: Callable[[str], Program]) -> None:
    frame = bytes(range(12)) + b"\xff\xff" + bytes(range(40))
    ((_, sent),) = prepare(load_program, "passthrough").process(5, frame)
    assert sent == frame[6:12] + frame[6:]


def test_an_error_in_the_engine_costs_one_frame(
    load_program: Callable[[str], Program], caplog: pytest.LogCaptureFixture
) -> None:
    switch = prepare(load_program, "copies")

    def fail(digest: object) -> None:
        raise RuntimeError(digest)

    switch.on_digest = fail
    assert switch.process(0, bytes([6, 0, 0, 0])) == []
    assert switch.faults == 1
    assert "lost to an error in the engine" in caplog.text
    assert len(switch.process(0, bytes(4))) == 1


def test_packet_out_arrives_on_the_cpu_port(load_program: Callable[[str], Program]) -> None:
    switch = load_program("passthrough").instantiate(cpu_port=200)
    assert switch.packet_out(b"frame") == [(200, b"frame")]
