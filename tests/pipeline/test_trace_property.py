# SPDX-License-Identifier: Apache-2.0
"""What a trace says is what the fabric does: random packets of all ports, traced and then really sent.

The fabric of softswitches is written by the planner's batches and followed by the test's own wiring; the trace loads
entries by itself and follows the model's links. Both run one engine, so this is about everything around it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from p4vpc.compiler import DropReason
from p4vpc.errors import IntentError, NotFoundError
from p4vpc.intent import Mac, ObjectId
from p4vpc.model import LocalPlace
from p4vpc.services.trace import End, Hop, Outcome, Question, Traced, VerdictKind, World, ask
from tests.pipeline.fabric import MOST_HOPS, MemoryFabric, Place
from tests.pipeline.trace_world import Tracing, traced_fabric

CPU_PORT = 510
SECOND_US = 1_000_000
OF_BOTH = ("web-1", "web-2", "web-3", "quarantine-1", "db-1")
PORTS = {"red": (*OF_BOTH, "tagged-1", "vm-1", "tap-1"), "blue": OF_BOTH}
ADDRESSES = {
    4: (
        *("10.0.1.1", "10.0.1.99", "10.0.1.255", "10.0.2.1", "10.0.2.99", "10.0.1.73", "192.0.2.7", "198.51.100.1"),
        *("224.0.0.251", "255.255.255.255", "127.0.0.1"),
    ),
    6: ("fd01::1", "fd01::99", "fd02::2", "ff02::fb", "fe80::1", "2001:db8::1"),
}
PROTOCOLS = {4: (None, "tcp", "tcp", "udp", "icmp", "arp", 47), 6: (None, "tcp", "tcp", "udp", "icmpv6", "nd", 47)}


@pytest.fixture(scope="module")
def everything() -> tuple[MemoryFabric, Tracing, list[int]]:
    return traced_fabric()


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Mostly what hosts send to each other; with oddities in some."""
    tenant, family = draw(st.sampled_from(["red", "red", "blue"])), draw(st.sampled_from([4, 6]))
    source, target, *_ = draw(st.permutations(PORTS[tenant]))
    targets = st.just(target)
    protocol = draw(st.sampled_from(PROTOCOLS[family]))
    has_ports = protocol in ("tcp", "udp")
    number = st.sampled_from([22, 53, 80, 5432, 5433])
    usual = Question(
        source=ObjectId("port", f"{tenant}/prod/{source}"),
        destination=draw(targets | targets | targets | st.sampled_from((source, *ADDRESSES[family]))),
        protocol=protocol,
        family=family,
        source_port=draw(st.none() | number) if has_ports else None,
        destination_port=draw(number) if has_ports else None,
        is_reply=draw(st.booleans()),
    )
    other_address = ip_address("10.0.1.12" if family == 4 else "fd01::12")
    return draw(
        st.just(usual)
        | st.just(usual)
        | st.just(usual)
        | st.just(usual)
        | st.sampled_from([0, 1, 2]).map(lambda ttl: replace(usual, ttl=ttl))
        | st.sampled_from([1500, 1501, 3000]).map(lambda length: replace(usual, length=length))
        | st.just(replace(usual, source_address=other_address))
        | st.just(replace(usual, destination_mac=Mac(0x0200000001FF)))
    )


@settings(max_examples=150)
@given(question=questions())
def test_the_fabric_does_what_the_trace_says(
    everything: tuple[MemoryFabric, Tracing, list[int]], question: Question
) -> None:
    fabric, tracing, now_us = everything
    world = tracing.world()
    try:
        answer = ask(question, world)
    except (IntentError, NotFoundError):
        assume(False)
    for switch in fabric.switches.values():
        for register in switch.registers.values():
            register.clear()
    for traced in (answer.request, answer.reply):
        if traced is not None:
            now_us[0] += SECOND_US  # all rates are as good as new
            compare(fabric, tracing, world, traced)


def compare(fabric: MemoryFabric, tracing: Tracing, world: World, traced: Traced) -> None:
    departure = traced.departure
    before = Counter(fabric.drops())
    place = (departure.switch, departure.port)
    left = sorted(it for frame in (departure.frame, *departure.copies) for it in leaving(fabric, place, frame))
    drops = Counter(fabric.drops()) - before

    assert sorted(leaving_of(traced)) == left
    assert Counter(drops_of(traced)) == drops

    verdict = traced.verdict
    event(f"{verdict.kind.value} {verdict.reason or ''}".strip())
    edge = {place: frame for place, frame in left if place[1] != CPU_PORT and place not in world._ends}
    answered = {place for place, frame in edge.items() if place == (departure.switch, departure.port)}
    mirrors = {(hop.switch, it.egress.egress_port) for hop, it in ends(traced, End.MIRRORED) if it.egress}
    receivers = {port_at(tracing, place, frame) for place, frame in edge.items() if place not in answered | mirrors}
    foreign = [frame for place, frame in left if place in world._ends]
    behind = {ObjectId("port", "red/prod/vm-1")} if foreign and not is_from_foreign(traced) else set()
    assert set(verdict.ports) == receivers | behind
    if receivers or behind:
        assert verdict.kind is VerdictKind.DELIVERED
    elif answered or foreign:
        assert verdict.kind is VerdictKind.ANSWERED
    elif verdict.kind is VerdictKind.DROPPED:
        assert {reason for _, reason in drops} == ({verdict.reason} - {"nobody"})
    else:
        assert any(place[1] == CPU_PORT for place, _ in left)


def leaving(fabric: MemoryFabric, place: Place, frame: bytes) -> Iterator[tuple[Place, bytes]]:
    """What leaves the fabric, by whatever port, as the real switches have it."""
    for it in fabric.send(place, frame):
        assert len(it.path) <= MOST_HOPS
        yield it.place, it.frame


def leaving_of(traced: Traced) -> Iterator[tuple[Place, bytes]]:
    for hop in traced.walk.hops:
        for it in hop.outcomes:
            if it.egress is not None and it.egress.output is not None and it.end is not End.NEXT:
                yield (hop.switch, it.egress.egress_port or 0), it.egress.output


def drops_of(traced: Traced) -> Iterator[tuple[str, str]]:
    for hop, it in ends(traced, End.DROPPED):
        yield hop.switch, DropReason(it.reason or 0).name.lower()


def ends(traced: Traced, end: End) -> list[tuple[Hop, Outcome]]:
    return [(hop, it) for hop in traced.walk.hops for it in hop.outcomes if it.end is end]


def port_at(tracing: Tracing, place: Place, frame: bytes) -> ObjectId | None:
    """The port of the intent that is plugged in there, by the tag of what arrives."""
    vlan_id = int.from_bytes(frame[14:16]) & 0xFFF if frame[12:14] == b"\x81\x00" else 0
    for vpc in tracing.model.vpcs.values():
        for port in vpc.ports:
            it = port.place
            if isinstance(it, LocalPlace) and (it.switch, it.port, it.vlan_id) == (*place, vlan_id):
                return port.id
    return None


def is_from_foreign(traced: Traced) -> bool:
    sender = traced.departure.sender
    return sender is not None and sender.switch is None
