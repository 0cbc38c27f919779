# SPDX-License-Identifier: Apache-2.0
"""The task of one switch: what it takes, what it sends, how often, and what it survives. The clock is the test's."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from scapy.layers.inet import UDP
from scapy.layers.l2 import ARP, Ether

from p4vpc.intent import Mac
from p4vpc.services.responder import (
    Announcement,
    Attachment,
    Family,
    LatestAnnouncements,
    Outcome,
    Reason,
    Responder,
    ResponderOptions,
    log_announcement,
    respond,
)
from p4vpc.southbound import NotConnectedError, Packet
from tests.unit.p4vpc.services.responder.frames import (
    ECHO,
    FABRIC_PORT,
    GATEWAY_V4,
    HOST_MAC,
    HOST_V4,
    LEARN,
    PORT,
    TAGGED,
    TAGGED_PORT,
    TO_GATEWAY,
    TTL,
    UNTAGGED,
    VIEW,
    VLAN_ID,
    check,
    ether,
    tunnelled,
    v4,
)

BOUND_SECONDS = 10.0
PING = bytes(ether() / v4(dst=GATEWAY_V4) / ECHO)
TAGGED_PING = bytes(ether(vlan=VLAN_ID) / v4(dst=GATEWAY_V4) / ECHO)
PROBE = bytes(ether() / v4(ttl=1) / UDP(dport=33434))
GRATUITOUS = bytes(Ether(src=HOST_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=HOST_MAC, psrc=HOST_V4, pdst=HOST_V4))


@dataclass
class FakeAgent:
    """Takes packet-outs as an agent does, or fails as one does."""

    sent: list[Packet] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    has_sent: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None

    async def packet_out(self, packet: Packet) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop()
        self.sent.append(packet)
        self.has_sent.set()


class World:
    """A responder with everything around it."""

    def __init__(self, **options: float) -> None:
        self.now = 0.0
        self.agent = FakeAgent()
        self.heard: list[tuple[str, Attachment, Announcement]] = []
        self.announcements = LatestAnnouncements(lambda *heard: self.heard.append(heard))
        self.responder = Responder(
            "leaf1", self.announcements, options=ResponderOptions(**options), clock=lambda: self.now
        )
        self.responder.set_view(VIEW)

    def offer(self, frame: bytes, reason: int, port: int = PORT) -> bool:
        return self.responder.offer(Packet(frame, {"reason": reason, "ingress_port": port, "pad": 0}))

    async def serve(self, frame: bytes, reason: int, port: int = PORT, times: int = 1) -> list[Packet]:
        before = len(self.agent.sent)
        for _ in range(times):
            assert self.offer(frame, reason, port)
            await self.responder.drain(self.agent.packet_out)
        return self.agent.sent[before:]

    def count(self, reason: Reason, outcome: Outcome) -> int:
        return self.responder.counts.get((reason, outcome), 0)


async def test_an_answer_is_what_the_core_says() -> None:
    world = World()
    (sent,) = await world.serve(PING, TO_GATEWAY)
    reply = respond(PING, TO_GATEWAY, PORT, VIEW)
    assert reply is not None
    assert (sent.payload, sent.metadata) == (reply.frame, {"egress_port": PORT})
    (sent,) = await world.serve(TAGGED_PING, TO_GATEWAY, TAGGED_PORT)
    assert sent.metadata == {"egress_port": TAGGED_PORT}
    assert world.responder.counts == {(Reason.TO_GATEWAY, Outcome.ANSWERED): 2}


@pytest.mark.parametrize("reason", [0, 1, 7, 11, 31, 128, 129, 136, 255])
async def test_traps_and_other_reasons_are_for_others(reason: int) -> None:
    world = World()
    assert not world.offer(PING, reason)
    await world.responder.drain(world.agent.packet_out)
    assert (world.agent.sent, world.responder.counts) == ([], {})


@pytest.mark.parametrize("metadata", [{}, {"reason": TTL}, {"ingress_port": PORT}])
async def test_a_packet_in_without_its_header_is_for_others(metadata: dict[str, int]) -> None:
    assert not World().responder.offer(Packet(PING, metadata))


async def test_every_outcome_is_counted() -> None:
    world = World(burst=1)
    await world.serve(PROBE, TTL, 99)
    await world.serve(PING, 30)
    await world.serve(PROBE, TTL, times=2)
    await world.serve(b"", LEARN)
    assert world.responder.counts == {
        (Reason.TTL, Outcome.UNKNOWN_SENDER): 1,
        (Reason.TOO_BIG, Outcome.SILENT): 1,
        (Reason.TTL, Outcome.ANSWERED): 1,
        (Reason.TTL, Outcome.LIMITED): 1,
        (Reason.LEARN, Outcome.UNKNOWN_SENDER): 1,
    }


async def test_before_the_first_view_nobody_is_known() -> None:
    world = World()
    blind = Responder("leaf1", world.announcements)
    assert blind.offer(Packet(PING, {"reason": TO_GATEWAY, "ingress_port": PORT}))
    await blind.drain(world.agent.packet_out)
    assert blind.counts == {(Reason.TO_GATEWAY, Outcome.UNKNOWN_SENDER): 1}


async def test_each_attachment_has_its_own_rate() -> None:
    world = World()
    assert len(await world.serve(PING, TO_GATEWAY, times=30)) == 10
    assert len(await world.serve(TAGGED_PING, TO_GATEWAY, TAGGED_PORT, times=30)) == 10
    assert len(await world.serve(tunnelled(ether() / v4(ttl=1)), TTL, FABRIC_PORT, times=30)) == 10
    world.now += 0.35
    assert len(await world.serve(PING, TO_GATEWAY, times=30)) == 3
    assert world.count(Reason.TO_GATEWAY, Outcome.LIMITED) == 20 + 20 + 27


async def test_silence_costs_no_token() -> None:
    world = World(burst=1)
    await world.serve(PING, TTL, times=1)
    assert len(await world.serve(bytes(ether() / v4() / UDP()), 30, times=20)) == 0
    world.now += 1
    assert len(await world.serve(PING, TO_GATEWAY)) == 1


async def test_a_full_queue_loses_the_oldest() -> None:
    world = World(queue_size=3, burst=100)
    frames = [bytes(ether() / v4(dst=f"10.0.2.{host}", ttl=1) / UDP()) for host in range(5)]
    for frame in frames:
        assert world.offer(frame, TTL)
    await world.responder.drain(world.agent.packet_out)
    quoted = [bytes(check(packet.payload))[44:48] for packet in world.agent.sent]
    assert quoted == [bytes((10, 0, 2, host)) for host in (2, 3, 4)]
    assert world.count(Reason.TTL, Outcome.OVERFLOWED) == 2


async def test_a_switch_that_is_gone_is_survived() -> None:
    world = World()
    world.agent.failures.append(NotConnectedError("gone"))
    assert await world.serve(PING, TO_GATEWAY) == []
    assert len(await world.serve(PING, TO_GATEWAY)) == 1
    assert world.count(Reason.TO_GATEWAY, Outcome.UNSENT) == 1


async def test_a_bug_is_survived() -> None:
    world = World()
    world.agent.failures.append(ValueError("a bug"))
    assert await world.serve(PING, TO_GATEWAY) == []
    assert len(await world.serve(PING, TO_GATEWAY)) == 1
    assert world.count(Reason.TO_GATEWAY, Outcome.FAILED) == 1


async def test_announcements_are_kept_and_published() -> None:
    world = World()
    assert await world.serve(GRATUITOUS, LEARN) == []
    tagged = bytes(
        Ether(src=HOST_MAC, dst="ff:ff:ff:ff:ff:ff", type=0x8100) / VLAN_ID.to_bytes(2) / b"\x08\x06" / GRATUITOUS[14:]
    )
    await world.serve(tagged, LEARN, TAGGED_PORT)
    await world.serve(tunnelled(Ether(GRATUITOUS)), LEARN, FABRIC_PORT)
    assert [(switch, attachment) for switch, attachment, _ in world.heard[:2]] == [
        ("leaf1", UNTAGGED),
        ("leaf1", TAGGED),
    ]
    assert len(world.heard) == 3
    assert {str(announcement.address) for _, _, announcement in world.heard} == {HOST_V4}
    assert world.announcements.latest.keys() == {(switch, attachment) for switch, attachment, _ in world.heard}
    assert world.count(Reason.LEARN, Outcome.ANNOUNCED) == 3


async def test_announcements_are_limited_and_take_nothing_from_answers() -> None:
    world = World()
    await world.serve(GRATUITOUS, LEARN, times=30)
    assert len(world.heard) == 10
    assert len(await world.serve(PING, TO_GATEWAY, times=30)) == 10


async def test_what_announces_nothing_is_not_published() -> None:
    world = World()
    await world.serve(PING, LEARN)
    assert (world.heard, world.count(Reason.LEARN, Outcome.SILENT)) == ([], 1)


def test_the_map_of_announcements_is_bounded() -> None:
    latest = LatestAnnouncements(log_announcement, capacity=2)
    for switch in ("a", "b", "a", "c"):
        latest.record(switch, UNTAGGED, Announcement(Mac.parse(HOST_MAC), None, Family.LINK))
    assert [switch for switch, _ in latest.latest] == ["a", "c"]


async def test_the_task_answers_until_it_is_cancelled() -> None:
    world = World()
    task = asyncio.create_task(world.responder.run(world.agent.packet_out))
    async with asyncio.timeout(BOUND_SECONDS):
        for _ in range(3):
            world.agent.has_sent.clear()
            world.offer(PING, TO_GATEWAY)
            await world.agent.has_sent.wait()
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()
    assert len(world.agent.sent) == 3


async def test_a_switch_that_takes_nothing_does_not_hold_up_its_packets_in() -> None:
    world = World(queue_size=2)
    world.agent.gate = asyncio.Event()
    task = asyncio.create_task(world.responder.run(world.agent.packet_out))
    world.offer(PING, TO_GATEWAY)
    await asyncio.sleep(0)
    for _ in range(10):
        assert world.offer(PING, TO_GATEWAY)
    world.agent.gate.set()
    async with asyncio.timeout(BOUND_SECONDS):
        while len(world.agent.sent) < 3:
            world.agent.has_sent.clear()
            await world.agent.has_sent.wait()
    task.cancel()
    await asyncio.wait((task,))
    assert world.count(Reason.TO_GATEWAY, Outcome.OVERFLOWED) == 8


async def test_everybody_attached_is_told_of_the_router_now_and_then() -> None:
    world = World(first_advertisement=600.0, advertisement_interval=900.0)
    task = asyncio.create_task(world.responder.run(world.agent.packet_out))
    try:
        world.now = 599.0
        assert world.offer(PING, TO_GATEWAY)
        async with asyncio.timeout(BOUND_SECONDS):
            await world.agent.has_sent.wait()
        assert len(world.agent.sent) == 1
        world.agent.has_sent.clear()
        world.now = 600.0
        assert world.offer(PING, TO_GATEWAY)
        async with asyncio.timeout(BOUND_SECONDS):
            while len(world.agent.sent) < 4:
                world.agent.has_sent.clear()
                await world.agent.has_sent.wait()
    finally:
        task.cancel()
    _, answer, *unasked = world.agent.sent
    assert answer.payload == world.agent.sent[0].payload
    assert {packet.metadata["egress_port"] for packet in unasked} == {PORT, TAGGED_PORT}
    assert all(packet.payload.startswith(bytes.fromhex("333300000001")) for packet in unasked)


async def test_who_asks_does_not_wait_for_advertisements() -> None:
    world = World()
    assert world.offer(PING, TO_GATEWAY)
    await world.responder.advertise(world.agent.packet_out)
    assert [packet.metadata["egress_port"] for packet in world.agent.sent] == [PORT, PORT, TAGGED_PORT]
    assert world.count(Reason.TO_GATEWAY, Outcome.ANSWERED) == 1


async def test_a_switch_that_has_gone_is_told_nothing() -> None:
    world = World()
    world.agent.failures = [NotConnectedError("gone")]
    await world.responder.advertise(world.agent.packet_out)
    assert world.agent.sent == []


async def test_where_nobody_has_turned_up_yet_nobody_is_told() -> None:
    world = World()
    world.responder.set_view(replace(VIEW, candidates=frozenset({(PORT, 0)})))
    await world.responder.advertise(world.agent.packet_out)
    assert [packet.metadata["egress_port"] for packet in world.agent.sent] == [TAGGED_PORT]
