# SPDX-License-Identifier: Apache-2.0
"""Multicast, clones, resubmission, recirculation: how many copies leave, and what each saw of the metadata."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from softswitch.runtime import CloneSession, Digest, Replica, Switch

NORMAL, INGRESS_CLONE, EGRESS_CLONE, RECIRCULATED, REPLICATED, RESUBMITTED = 0, 1, 2, 4, 5, 6
INGRESS_PORT = 3


@dataclass(frozen=True)
class Copy:
    port: int
    instance_type: int
    rid: int
    length: int
    kept: int
    lost: int
    ingress_port: int
    command: bytes
    payload: bytes


@pytest.fixture
def switch(make_switch: Callable[[str], Switch]) -> Switch:
    return make_switch("copies")


def number(sent: bytes, start: int, end: int) -> int:
    return int.from_bytes(sent[start:end], "big")


def send(switch: Switch, operation: int, argument: int = 0, payload: bytes = b"payload") -> list[Copy]:
    copies: list[Copy] = []
    for port, sent in switch.process(INGRESS_PORT, bytes([operation, argument, 0, 0]) + payload):
        assert number(sent, 1, 3) == port & 0x1FF
        copies.append(
            Copy(
                port,
                sent[0],
                number(sent, 3, 5),
                number(sent, 5, 9),
                sent[9],
                sent[10],
                number(sent, 11, 13),
                sent[13:17],
                sent[17:],
            )
        )
    return copies


def test_unicast(switch: Switch) -> None:
    (copy,) = send(switch, 0)
    assert copy == Copy(2, NORMAL, 0, 11, 0, 5, INGRESS_PORT, bytes(4), b"payload")


def test_multicast(switch: Switch) -> None:
    switch.multicast.insert(9, [Replica(4, 1), Replica(4, 2), Replica(600, 0)])
    copies = send(switch, 1, 9)
    assert [(copy.port, copy.rid, copy.instance_type) for copy in copies] == [
        (4, 1, REPLICATED),
        (4, 2, REPLICATED),
        (600, 0, REPLICATED),
    ]
    assert {copy.lost for copy in copies} == {5}
    assert send(switch, 1, 10) == []


def test_ingress_clone_is_the_original_with_the_kept_fields(switch: Switch) -> None:
    switch.clone_sessions.insert(7, CloneSession((Replica(5, 1), Replica(6, 2))))
    copies = send(switch, 2, 7)
    clones = [copy for copy in copies if copy.instance_type == INGRESS_CLONE]
    assert [(copy.port, copy.rid) for copy in clones] == [(5, 1), (6, 2)]
    for copy in clones:
        assert (copy.kept, copy.lost, copy.ingress_port) == (7, 0, 0)
        assert (copy.command, copy.payload) == (bytes([2, 7, 0, 0]), b"payload")
    (original,) = [copy for copy in copies if copy.instance_type == NORMAL]
    assert (original.kept, original.lost, original.command[2]) == (7, 5, 0xEE)


def test_clone_to_unknown_session_is_nothing(switch: Switch) -> None:
    assert [copy.instance_type for copy in send(switch, 2, 7)] == [NORMAL]


def test_clone_of_a_dropped_packet(switch: Switch) -> None:
    switch.clone_sessions.insert(7, CloneSession((Replica(5, 0),)))
    (copy,) = send(switch, 9, 7)
    assert (copy.port, copy.instance_type, copy.kept) == (5, INGRESS_CLONE, 0)


def test_clone_session_truncates(switch: Switch) -> None:
    switch.clone_sessions.insert(7, CloneSession((Replica(5, 0),), packet_length_bytes=18))
    (copy,) = send(switch, 9, 7)
    assert copy.payload == b"p"


def test_egress_clone_has_the_changed_headers(switch: Switch) -> None:
    switch.clone_sessions.insert(7, CloneSession((Replica(5, 1),)))
    clone, original = send(switch, 4, 7)
    assert (clone.port, clone.instance_type, clone.kept, clone.lost) == (5, EGRESS_CLONE, 9, 0)
    assert clone.command[2] == 1
    assert (original.port, original.instance_type, original.kept, original.lost) == (2, NORMAL, 9, 9)


def test_resubmit_starts_over_with_the_original_packet(switch: Switch) -> None:
    (copy,) = send(switch, 3)
    assert (copy.instance_type, copy.kept, copy.command) == (NORMAL, 8, bytes([3, 0, 0, 8]))


def test_recirculation_goes_on_with_the_changed_packet(switch: Switch) -> None:
    (copy,) = send(switch, 5, 3)
    assert copy.command == bytes([5, 3, 3, 102])
    assert copy.kept == 102


def test_endless_loops_end(switch: Switch) -> None:
    assert send(switch, 10) == []
    assert send(switch, 5, 255) == []
    assert switch.faults == 0


def test_truncate(switch: Switch) -> None:
    (copy,) = send(switch, 7, 20)
    assert copy.payload == b"pay"
    assert switch.process(0, bytes([7, 0, 0, 0])) == [(2, b"")]


def test_drops(switch: Switch) -> None:
    assert send(switch, 8) == []
    assert send(switch, 11) == []
    assert [step.name for step in switch.trace(0, bytes([8, 0, 0, 0])).steps if step.kind == "drop"] == ["ingress"]
    assert [step.name for step in switch.trace(0, bytes([11, 0, 0, 0])).steps if step.kind == "drop"] == ["egress"]


def test_digest(switch: Switch) -> None:
    digests: list[Digest] = []
    send(switch, 6, 77)
    switch.on_digest = digests.append
    send(switch, 6, 78)
    assert digests == [Digest("digest_t", (6, 78))]


def test_trace_equals_processing(switch: Switch) -> None:
    switch.multicast.insert(9, [Replica(4, 1), Replica(5, 2)])
    switch.clone_sessions.insert(9, CloneSession((Replica(5, 1),)))
    for operation in range(13):
        frame = bytes([operation, 9, 0, 0]) + b"payload"
        assert switch.trace(1, frame).outputs == switch.process(1, frame), operation
