# SPDX-License-Identifier: Apache-2.0
"""Ports that move because they announce themselves somewhere else. docs/adr/0012."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet

from p4vpc.intent import Port, SwitchAttachment
from p4vpc.services import Controller, Outcome
from p4vpc.store import Store
from tests.integration.controller.running import BOUND_SECONDS, realise
from tests.integration.controller.test_mobility import (
    DB,
    ELSEWHERE,
    HOME,
    LEAVES,
    LINKS,
    MOVER,
    SAME_LEAF,
    SOURCES,
    STAYER,
    WEB,
    Host,
    base,
    drops,
    moving,
)
from tests.integration.controller.wired import WiredFabric, wired


@pytest.fixture
async def fabric() -> AsyncIterator[WiredFabric]:
    async with wired(LEAVES, LINKS) as started:
        yield started


def announcements(host: Host, vlan: int = 0) -> dict[str, Packet]:
    """How a host, or the hypervisor for it, makes known where it is."""

    def frame(dst: str, *layers: Packet) -> Packet:
        packet: Packet = Ether(src=host.mac, dst=dst)
        for layer in (*((Dot1Q(vlan=vlan),) if vlan else ()), *layers):
            packet /= layer
        return packet

    everybody = "ff:ff:ff:ff:ff:ff"
    rarp = frame(everybody, ARP(op=3, hwsrc=host.mac, psrc="0.0.0.0", hwdst=host.mac, pdst="0.0.0.0"))
    rarp.getlayer(Dot1Q if vlan else Ether).type = 0x8035
    advertised = ICMPv6ND_NA(tgt=host.v6, R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=host.mac)
    return {
        "gratuitous request": frame(everybody, ARP(op=1, hwsrc=host.mac, psrc=host.v4, pdst=host.v4)),
        "gratuitous reply": frame(everybody, ARP(op=2, hwsrc=host.mac, psrc=host.v4, pdst=host.v4)),
        "RARP": rarp,
        "advertisement": frame("33:33:00:00:00:01", IPv6(src=host.v6, dst="ff02::1", hlim=255) / advertised),
    }


async def place_of(running: Controller, host: Host) -> SwitchAttachment:
    port = (await running.intents.get(host.id)).object
    assert isinstance(port, Port) and isinstance(port.attachment, SwitchAttachment)
    return port.attachment


@pytest.mark.parametrize("kind", announcements(MOVER))
@pytest.mark.parametrize("candidate", [ELSEWHERE, SAME_LEAF], ids=["another leaf", "the same leaf"])
async def test_an_announcement_moves_the_port(
    kind: str, candidate: dict[str, object], store: Store, fabric: WiredFabric
) -> None:
    async with moving(store) as running:
        mover = MOVER.at("leaf2", candidates=[ELSEWHERE, SAME_LEAF])
        await realise(running, [*base(fabric), WEB.at("leaf1"), DB.at("leaf1"), mover])
        attachment = SwitchAttachment.model_validate(candidate)
        place = attachment.switch, attachment.port
        message = announcements(MOVER, attachment.vlan or 0)[kind]
        before = await drops(running, attachment.switch, "candidate")
        for frame in MOVER.packets_to(WEB, b"<early>"):
            early = Ether(frame)
            if attachment.vlan:
                early = (
                    Ether(src=early.src, dst=early.dst) / Dot1Q(vlan=attachment.vlan, type=early.type) / early.payload
                )
            fabric.send(place, bytes(early))
        assert await drops(running, attachment.switch, "candidate") == before + 2
        assert fabric.received(("leaf1", WEB.number)) == []
        assert await place_of(running, MOVER) == HOME, "nothing but an announcement moves it"
        fabric.send(place, bytes(message))
        async with asyncio.timeout(BOUND_SECONDS):
            while await place_of(running, MOVER) != attachment:
                await asyncio.sleep(0.01)
        [last] = store.revisions(1)
        assert (last.who, last.summary) == ("announcement", f"update {MOVER.id}")
        port = (await running.intents.get(MOVER.id)).object
        assert isinstance(port, Port) and HOME in port.candidates and attachment not in port.candidates
        assert await running.wait_realised(last.number, BOUND_SECONDS) is Outcome.REALISED
        for host, source in SOURCES:
            for frame in host.packets_to(MOVER, b"<after>"):
                fabric.send(source, frame)
                [delivered] = fabric.received(place)
                assert Ether(delivered).vlan == attachment.vlan if attachment.vlan else Dot1Q not in Ether(delivered)
        before = await drops(running, "leaf2", "candidate")
        fabric.send(("leaf2", MOVER.number), next(MOVER.packets_to(WEB, b"<from the old place>")))
        assert await drops(running, "leaf2", "candidate") == before + 1


async def test_nobody_moves_anothers_port(store: Store, fabric: WiredFabric) -> None:
    """Not from a port's own attachment, not from a candidate of one's own, not for an address, not for a MAC."""
    async with moving(store) as running:
        stayer = STAYER.at("leaf3", candidates=[{"switch": "leaf1", "port": 22}])
        await realise(running, [*base(fabric), WEB.at("leaf1"), stayer, MOVER.at("leaf2", candidates=[ELSEWHERE])])
        revision = store.revision
        forged = [bytes(message) for message in announcements(MOVER).values()]
        for message in announcements(MOVER).values():
            stolen = message.copy()
            stolen.src = STAYER.mac
            forged.append(bytes(stolen))
        own_mac = Ether(src=STAYER.mac, dst="ff:ff:ff:ff:ff:ff")
        forged.append(bytes(own_mac / ARP(op=1, hwsrc=STAYER.mac, psrc=MOVER.v4, pdst=MOVER.v4)))
        for place in (("leaf1", WEB.number), ("leaf1", 22), ("leaf3", STAYER.number)):
            before = await drops(running, place[0], "spoof")
            for frame in forged:
                fabric.send(place, frame)
            assert await drops(running, place[0], "spoof") == before + len(forged)
        for message in announcements(MOVER).values():
            fabric.send(("leaf3", 20), bytes(message))
            fabric.send(("leaf2", MOVER.number), bytes(message))
        # A move that is allowed shows that everything before it has been seen.
        fabric.send(("leaf1", 22), bytes(announcements(STAYER)["gratuitous request"]))
        async with asyncio.timeout(BOUND_SECONDS):
            while (await place_of(running, STAYER)).switch != "leaf1":
                await asyncio.sleep(0.01)
        assert await place_of(running, MOVER) == HOME
        assert store.revision == revision + 1


async def test_flapping_is_damped(store: Store, fabric: WiredFabric) -> None:
    """Two places that announce one port all the time make few commits; the one that is heard last gets it."""
    async with moving(store) as running:
        await realise(running, [*base(fabric), WEB.at("leaf1"), MOVER.at("leaf2", candidates=[ELSEWHERE])])
        first = store.revision
        here = bytes(announcements(MOVER)["gratuitous request"])
        there = bytes(announcements(MOVER, ELSEWHERE["vlan"])["gratuitous request"])
        for _ in range(30):
            fabric.send(("leaf2", MOVER.number), here)
            fabric.send(("leaf3", 20), there)
            await asyncio.sleep(0.02)
        assert 1 <= store.revision - first <= 4
        await asyncio.sleep(0.2)
        fabric.send(("leaf3", 20), there)
        async with asyncio.timeout(BOUND_SECONDS):
            while (await place_of(running, MOVER)).switch != "leaf3":
                await asyncio.sleep(0.05)
