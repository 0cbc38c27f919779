# SPDX-License-Identifier: Apache-2.0
"""Packets, digests and notifications between the ports, the pipeline and the controller."""

import asyncio

import pytest
from finsy.proto import p4r

from .conftest import BOUND_SECONDS, exact

INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE

A, B = bytes(5) + b"\x0a", bytes(5) + b"\x0b"


def frame(dst: bytes = B, src: bytes = A, ether_type: int = 0x0800, payload: bytes = b"hello") -> bytes:
    return dst + src + ether_type.to_bytes(2, "big") + payload


async def test_an_entry_forwards_and_counts(softswitch, clients):
    session = await clients.ready(softswitch)
    await session.write((INSERT, session.entry("l2", exact(b"\x0b"), action=session.action("send_counted", b"\x03"))))
    softswitch.ports.inject(1, frame())
    assert softswitch.ports.received(3) == [frame()]
    (found,) = await session.read(session.entry("l2", counter_data=p4r.CounterData()))
    assert found.table_entry.counter_data == p4r.CounterData(packet_count=1, byte_count=len(frame()))
    cells = p4r.CounterEntry(counter_id=session.id_of("counters", "port_counter"), index=p4r.Index(index=1))
    assert (await session.read(p4r.Entity(counter_entry=cells)))[0].counter_entry.data.packet_count == 1


async def test_a_multicast_group_copies(softswitch, clients):
    session = await clients.ready(softswitch)
    group = p4r.MulticastGroupEntry(multicast_group_id=1)
    for port in (2, 3, 4):
        group.replicas.add(port=bytes([port]), instance=1)
    entity = p4r.Entity(packet_replication_engine_entry=p4r.PacketReplicationEngineEntry(multicast_group_entry=group))
    await session.write((INSERT, entity))
    await session.write((INSERT, session.entry("l2", exact(b"\x0b"), action=session.action("flood", b"\x01"))))
    softswitch.ports.inject(1, frame())
    assert [len(softswitch.ports.received(port)) for port in range(1, 6)] == [0, 1, 1, 1, 0]


async def test_packet_in_has_its_metadata(softswitch, clients):
    session = await clients.ready(softswitch)
    await session.write((INSERT, session.entry("l2", exact(b"\x0b"), action=session.action("punt", b"\x2a"))))
    backup = await clients.open(softswitch, 0)
    await backup.arbitrate()
    await backup.status()
    softswitch.ports.inject(5, frame())
    packet = (await session.receive()).packet
    assert packet.payload == frame()
    assert [(item.metadata_id, item.value) for item in packet.metadata] == [(1, b"\x05"), (2, b"\0"), (3, b"\x2a")]
    # A backup hears nothing: the next message it gets is the answer to its own.
    await backup.arbitrate()
    assert (await backup.status())[0] != 0


async def test_packet_out_leaves_where_its_metadata_says(softswitch, clients):
    session = await clients.ready(softswitch)
    metadata = [p4r.PacketMetadata(metadata_id=1, value=b"\x04"), p4r.PacketMetadata(metadata_id=2, value=b"\0")]
    await session.client.send(p4r.StreamMessageRequest(packet=p4r.PacketOut(payload=frame(), metadata=metadata)))
    assert await asyncio.wait_for(softswitch.ports.receive(4), BOUND_SECONDS) == frame()


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ([], "metadata egress_port"),
        ([(1, b"\x04"), (2, b"\0"), (7, b"\0")], "no metadata with id 7"),
        ([(1, b"\xff\xff"), (2, b"\0")], "egress_port: value 0xffff does not fit in 9 bits"),
    ],
)
async def test_a_wrong_packet_out_is_reported(softswitch, clients, metadata, message):
    session = await clients.ready(softswitch)
    packet = p4r.PacketOut(
        payload=frame(), metadata=[p4r.PacketMetadata(metadata_id=number, value=value) for number, value in metadata]
    )
    await session.client.send(p4r.StreamMessageRequest(packet=packet))
    report = (await session.receive()).error
    assert message in report.message
    assert report.packet_out.packet_out == packet


async def test_a_clone_reaches_the_controller(softswitch, clients):
    session = await clients.ready(softswitch)
    clone = p4r.CloneSessionEntry(session_id=7)
    clone.replicas.add(egress_port=510, instance=1)
    entity = p4r.Entity(packet_replication_engine_entry=p4r.PacketReplicationEngineEntry(clone_session_entry=clone))
    await session.write(
        (INSERT, entity), (INSERT, session.entry("l2", exact(b"\x0b"), action=session.action("mirror")))
    )
    softswitch.ports.inject(1, frame())
    packet = (await session.receive()).packet
    assert packet.payload == frame()
    assert packet.metadata[2].value == b"\xff"


async def test_a_port_that_goes_down_is_left_by_its_group(softswitch, clients):
    session = await clients.ready(softswitch)
    entry = session.entry("ecmp", exact(b"\1"))
    for port in (2, 3):
        item = entry.table_entry.action.action_profile_action_set.action_profile_actions.add(
            action=session.action("send", bytes([port])), weight=1
        )
        item.watch_port = bytes([port])
    await session.write((INSERT, entry))

    def spread() -> list[int]:
        for number in range(64):
            softswitch.ports.inject(1, frame(src=bytes(5) + bytes([number])))
        return [len(softswitch.ports.received(port)) for port in (2, 3)]

    both = spread()
    assert sum(both) == 64
    assert min(both) > 0
    softswitch.ports.set_link(2, is_up=False)
    assert spread() == [0, 64]
    # A pipeline that is set now knows the state of the ports, too.
    await session.set_pipeline()
    await session.write((INSERT, entry))
    assert spread() == [0, 64]
    softswitch.ports.set_link(2, is_up=True)
    assert spread() == both


async def test_a_value_set_steers_the_parser(softswitch, clients):
    session = await clients.ready(softswitch)
    values = p4r.ValueSetEntry(value_set_id=session.id_of("value_sets", "special_types"))
    values.members.add().match.add(field_id=1).exact.value = b"\x12\x34"
    softswitch.ports.inject(1, frame(ether_type=0x1234))
    assert softswitch.ports.received(8) == []
    await session.write((MODIFY, p4r.Entity(value_set_entry=values)))
    softswitch.ports.inject(1, frame(ether_type=0x1234))
    assert softswitch.ports.received(8) == [frame(ether_type=0x1234)]


def _digest(session, **config) -> p4r.Entity:
    digest_id = session.id_of("digests", "learn_t")
    return p4r.Entity(digest_entry=p4r.DigestEntry(digest_id=digest_id, config=p4r.DigestEntry.Config(**config)))


async def test_digests_are_listed_and_acknowledged(softswitch, clients):
    session = await clients.ready(softswitch)
    config = {"max_list_size": 2, "max_timeout_ns": 10**12, "ack_timeout_ns": 10**12}
    await session.write((INSERT, _digest(session, **config)))
    assert await session.read(p4r.Entity(digest_entry=p4r.DigestEntry())) == [_digest(session, **config)]
    for src in (A, A, B):
        softswitch.ports.inject(1, frame(src=src))
    digest = (await session.receive()).digest
    learned = [[member.bitstring for member in data.struct.members] for data in digest.data]
    assert learned == [[b"\x0a", b"\x01"], [b"\x0b", b"\x01"]]
    # Until it is acknowledged nothing of it is learned again.
    softswitch.ports.inject(1, frame(src=A))
    softswitch.ports.inject(1, frame(src=B))
    ack = p4r.DigestListAck(digest_id=digest.digest_id, list_id=digest.list_id)
    await session.client.send(p4r.StreamMessageRequest(digest_ack=ack))
    # The answer to this tells that the acknowledgement has been handled.
    await session.arbitrate(5)
    assert await session.status() == (0, 5)
    softswitch.ports.inject(1, frame(src=B))
    softswitch.ports.inject(1, frame(src=A))
    again = (await session.receive()).digest
    assert again.list_id == digest.list_id + 1
    assert again.data[0].struct.members[0].bitstring == b"\x0b"


async def test_a_digest_list_does_not_wait_for_ever(softswitch, clients):
    session = await clients.ready(softswitch)
    await session.write((INSERT, _digest(session, max_list_size=100, max_timeout_ns=10**6)))
    softswitch.ports.inject(1, frame())
    assert len((await session.receive()).digest.data) == 1


async def test_idle_entries_are_reported(softswitch, clients):
    session = await clients.ready(softswitch)
    entity = session.entry(
        "sources", exact(b"\x0a"), action=session.action("NoAction"), idle_timeout_ns=10**6, metadata=b"note"
    )
    await session.write((INSERT, entity))
    idle = (await session.receive()).idle_timeout_notification
    (entry,) = idle.table_entry
    assert (entry.match, entry.metadata, entry.idle_timeout_ns) == (entity.table_entry.match, b"note", 10**6)
    assert not entry.HasField("action")


async def test_frames_without_pipeline_are_counted(softswitch):
    softswitch.ports.inject(1, frame())
    assert softswitch.server.device.counters.no_pipeline == 1


@pytest.mark.parametrize("garbage", [b"", b"\0", b"\xff" * 9000])
async def test_any_frame_is_survived(softswitch, clients, garbage):
    session = await clients.ready(softswitch)
    softswitch.ports.inject(1, garbage)
    assert len(await session.read(session.entry("fixed"))) == 2
