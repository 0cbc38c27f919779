# SPDX-License-Identifier: Apache-2.0
"""finsy as a controller would use it: its switch object, its entities, its packets."""

import asyncio

import finsy
import pytest

from .conftest import BOUND_SECONDS, PROGRAMS


@pytest.fixture
async def switch(softswitch):
    options = finsy.SwitchOptions(p4info=PROGRAMS / "everything.p4info.txtpb", p4blob=PROGRAMS / "everything.json")
    async with finsy.Switch("sw1", softswitch.address, options) as switch:
        async with asyncio.timeout(BOUND_SECONDS):
            if not switch.is_up:
                await switch.ee.event_wait(finsy.SwitchEvent.CHANNEL_READY)
        yield switch


async def test_entities(switch):
    route = finsy.P4TableEntry(
        "routes",
        match=finsy.Match(ingress_port=1, dst_mac=("0a:00:00:00:00:00", 8)),
        action=finsy.Action("send", port=2),
    )
    rule = finsy.P4TableEntry(
        "acl", match=finsy.Match(ether_type=(0x800, 0x86DD)), action=finsy.Action("deny"), priority=3
    )
    ways = finsy.P4TableEntry(
        "ecmp",
        match=finsy.Match(ingress_port=1),
        action=finsy.P4IndirectAction([((2, 5), finsy.Action("send", port=5)), (1, finsy.Action("send", port=6))]),
    )
    group = finsy.P4MulticastGroupEntry(1, replicas=[1, 2, 3])
    written = [route, rule, ways, group]
    await switch.insert(written)
    messages = [[entity.encode(switch.p4info) async for entity in switch.read(type(one)(*names))]
                for one, names in ((route, ["routes"]), (rule, ["acl"]), (ways, ["ecmp"]), (group, []))]  # fmt: skip
    assert messages == [[entity.encode(switch.p4info)] for entity in written]
    await switch.delete_all()
    assert [item async for item in switch.read([finsy.P4TableEntry("routes"), finsy.P4TableEntry("ecmp")])] == []


async def test_packets(switch, softswitch):
    await switch.insert(
        [finsy.P4TableEntry("l2", match=finsy.Match(dst_mac=11), action=finsy.Action("punt", reason=9))]
    )
    frame = bytes(5) + b"\x0b" + bytes(8) + b"hello"
    packets = switch.read_packets()
    softswitch.ports.inject(3, frame)
    packet = await asyncio.wait_for(anext(packets), BOUND_SECONDS)
    assert packet.payload == frame
    assert (packet["ingress_port"], packet["reason"]) == (3, 9)
    await switch.write([finsy.P4PacketOut(frame, egress_port=4, pad=0)])
    assert await asyncio.wait_for(softswitch.ports.receive(4), BOUND_SECONDS) == frame
