# SPDX-License-Identifier: Apache-2.0
"""Arbitration as clients see it."""

import pytest
from finsy.proto import p4r
from grpc import StatusCode

from .conftest import exact, failure

OK, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED = 0, 3, 5, 6, 7
FAILED_PRECONDITION, UNIMPLEMENTED = 9, 12


async def test_primary_and_backup_are_told(target, clients):
    first = await clients.primary(target, 10)
    second = await clients.open(target, 5)
    await second.arbitrate()
    assert await second.status() == (ALREADY_EXISTS, 10)
    await second.arbitrate(20)
    assert await first.status() == (ALREADY_EXISTS, 20)
    assert await second.status() == (OK, 20)


# BMv2 promotes a backup and takes any device id here, as P4Runtime 1.0 had it; so it is no judge of these two.


async def test_a_broken_primary_leaves_nobody_in_charge(softswitch, clients):
    first = await clients.primary(softswitch, 10)
    second = await clients.open(softswitch, 5)
    await second.arbitrate()
    assert await second.status() == (ALREADY_EXISTS, 10)
    await first.client.close()
    assert await second.status() == (NOT_FOUND, 10)
    error = await failure(second.write())
    assert error.code == PERMISSION_DENIED


async def test_an_election_id_that_lives_is_refused(target, clients):
    await clients.primary(target, 10)
    second = await clients.open(target, 10)
    await second.arbitrate()
    assert (await failure(second.receive())).code == INVALID_ARGUMENT


async def test_an_unknown_device_is_refused(softswitch, clients):
    session = await clients.open(softswitch)
    await session.arbitrate(device_id=77)
    assert (await failure(session.receive())).code == NOT_FOUND
    request = p4r.WriteRequest(device_id=77)
    assert (await failure(session.client.request(request))).code == NOT_FOUND


async def test_the_stream_stays_with_its_device(target, clients):
    session = await clients.primary(target, 10)
    await session.arbitrate(device_id=77)
    assert (await failure(session.receive())).code == FAILED_PRECONDITION


async def test_only_the_primary_sets_a_pipeline_and_writes(target, clients):
    first = await clients.primary(target, 10)
    backup = await clients.open(target, 5)
    await backup.arbitrate()
    await backup.status()
    assert (await failure(backup.set_pipeline())).code == PERMISSION_DENIED
    await first.set_pipeline()
    error = await failure(backup.write((p4r.Update.INSERT, backup.entry("l2", exact(b"\1")))))
    assert error.code == PERMISSION_DENIED
    assert not error.details
    # Reading needs no role.
    assert await backup.read(backup.entry("l2")) == []


async def test_requests_without_pipeline_fail(target, clients):
    session = await clients.primary(target)
    assert (await failure(session.write((p4r.Update.INSERT, p4r.Entity())))).code == FAILED_PRECONDITION
    assert (await failure(session.read(p4r.Entity(table_entry=p4r.TableEntry())))).code == FAILED_PRECONDITION


async def test_named_roles_have_primaries_of_their_own(softswitch, clients):
    default = await clients.ready(softswitch)
    other = await clients.primary(softswitch, 1, role="stats")
    await other.write((p4r.Update.INSERT, other.entry("l2", exact(b"\1"), action=other.action("flood", b"\1"))))
    assert len(await default.read(default.entry("l2"))) == 1
    unknown = await clients.open(softswitch, 1, role="nobody")
    assert (await failure(unknown.write())).code == NOT_FOUND


async def test_a_backup_becomes_primary_when_the_election_id_is_its_own_turn(softswitch, clients):
    first = await clients.ready(softswitch)
    second = await clients.primary(softswitch, 2)
    assert await first.status() == (ALREADY_EXISTS, 2)
    entry = first.entry("l2", exact(b"\1"), action=first.action("flood", b"\1"))
    assert (await failure(first.write((p4r.Update.INSERT, entry)))).code == PERMISSION_DENIED
    await second.write((p4r.Update.INSERT, entry))


async def test_a_backup_cannot_send_packets(softswitch, clients):
    await clients.ready(softswitch)
    backup = await clients.open(softswitch, 0)
    await backup.arbitrate()
    await backup.status()
    await backup.client.send(p4r.StreamMessageRequest(packet=p4r.PacketOut(payload=b"x")))
    report = (await backup.receive()).error
    assert report.canonical_code == PERMISSION_DENIED
    assert report.packet_out.packet_out.payload == b"x"


async def test_what_a_stream_cannot_do_is_reported_on_it(softswitch, clients):
    session = await clients.ready(softswitch)
    other = p4r.StreamMessageRequest()
    other.other.type_url = "type.example/X"
    await session.client.send(other)
    assert (await session.receive()).error.canonical_code == UNIMPLEMENTED
    await session.client.send(p4r.StreamMessageRequest())
    assert (await session.receive()).error.canonical_code == INVALID_ARGUMENT
    ack = p4r.StreamMessageRequest(digest_ack=p4r.DigestListAck(digest_id=5, list_id=1))
    await session.client.send(ack)
    report = (await session.receive()).error
    assert report.canonical_code == INVALID_ARGUMENT
    assert report.digest_list_ack.digest_list_ack.digest_id == 5
    # The stream goes on.
    await session.arbitrate(7)
    assert await session.status() == (OK, 7)


async def test_capabilities(target, clients):
    session = await clients.open(target)
    version = (await session.client.request(p4r.CapabilitiesRequest())).p4runtime_api_version
    assert version.startswith("1.")


async def test_capabilities_of_an_unknown_device(softswitch, clients):
    session = await clients.open(softswitch)
    assert (await failure(session.client.request(p4r.CapabilitiesRequest(device_id=77)))).code == NOT_FOUND


@pytest.mark.parametrize("count", [1, 40])
async def test_a_stopping_target_ends_streams_as_unavailable(softswitch, clients, count):
    sessions = [await clients.primary(softswitch, number) for number in range(1, count + 1)]
    last = sessions[-1]
    await softswitch.server.stop()
    assert (await failure(last.receive())).code == StatusCode.UNAVAILABLE.value[0]
