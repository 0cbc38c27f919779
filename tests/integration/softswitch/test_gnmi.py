# SPDX-License-Identifier: Apache-2.0
"""gNMI for port state, judged by finsy's client and its list of switch ports."""

import asyncio
import json

import pytest
from finsy import GNMIClient, GNMIPath
from finsy.gnmiclient import GNMIClientError
from finsy.grpcutil import GRPCStatusCode
from finsy.ports import SwitchPortList
from finsy.proto import gnmi, gnmi_grpc
from grpc import StatusCode, aio

from .conftest import BOUND_SECONDS

OPER_STATUS = GNMIPath("interfaces/interface[name=*]/state/oper-status")
COUNTERS = GNMIPath("interfaces/interface[name=port1]/state/counters")
SAMPLE_NS = 100_000_000


@pytest.fixture
async def client(softswitch):
    async with GNMIClient(softswitch.address) as client:
        yield client


async def next_of(updates):
    return await asyncio.wait_for(anext(updates), BOUND_SECONDS)


async def test_capabilities(client):
    answer = await client.capabilities()
    assert [model.name for model in answer.supported_models] == ["openconfig-interfaces", "openconfig-p4rt"]
    assert gnmi.Encoding.JSON_IETF in answer.supported_encodings


async def test_get_by_interface_and_wildcard(client, softswitch):
    softswitch.ports.set_link(3, is_up=False)
    states = {update.path["name"]: update.value for update in await client.get(OPER_STATUS)}
    assert states == {f"port{number}": "DOWN" if number == 3 else "UP" for number in range(1, 9)}
    (update,) = await client.get(GNMIPath("interfaces/interface[name=port3]/state/id"))
    assert update.value == 3
    everything = await client.get(GNMIPath("interfaces/interface[name=port3]"))
    assert {update.path.last for update in everything} >= {"name", "ifindex", "admin-status", "oper-status", "in-pkts"}
    configured = await client.get(GNMIPath("interfaces/interface[name=port3]"), config=True)
    assert {update.path[2] for update in configured} == {"config"}
    assert {update.path["name"] for update in await client.get(GNMIPath(".../oper-status"))} == set(states)


async def test_counters(client, softswitch):
    softswitch.ports.inject(1, bytes(60))
    softswitch.ports.inject(1, bytes(40))
    values = {update.path.last: update.value for update in await client.get(COUNTERS)}
    assert (values["in-pkts"], values["in-octets"], values["out-pkts"]) == (2, 100, 0)


async def test_json_ietf_writes_counters_as_strings(softswitch):
    async with aio.insecure_channel(softswitch.address) as channel:
        request = gnmi.GetRequest(path=[COUNTERS.path, OPER_STATUS.path], encoding=gnmi.Encoding.JSON_IETF)
        answer = await gnmi_grpc.gNMIStub(channel).Get(request)
    counters, states = answer.notification
    assert {json.loads(update.val.json_ietf_val) for update in counters.update} == {"0"}
    assert {json.loads(update.val.json_ietf_val) for update in states.update} == {"UP"}


@pytest.mark.parametrize(
    ("path", "code", "named"),
    [
        ("interfaces/interface[name=port77]/state", GRPCStatusCode.NOT_FOUND, "port77"),
        ("interfaces/interface[name=port1]/state/colour", GRPCStatusCode.NOT_FOUND, "/state/colour"),
        ("interfaces/interface[index=1]/state", GRPCStatusCode.INVALID_ARGUMENT, "[index=1]"),
    ],
)
async def test_get_refusals_name_the_path(client, path, code, named):
    with pytest.raises(GNMIClientError) as caught:
        await client.get(GNMIPath(path))
    assert caught.value.code == code
    assert named in caught.value.message


async def test_get_of_an_unknown_encoding(softswitch):
    async with aio.insecure_channel(softswitch.address) as channel:
        with pytest.raises(aio.AioRpcError) as caught:
            await gnmi_grpc.gNMIStub(channel).Get(gnmi.GetRequest(path=[OPER_STATUS.path], encoding=77))
    assert caught.value.code() == StatusCode.UNIMPLEMENTED
    assert "77" in caught.value.details()


async def test_many_wildcards_are_matched_at_once(client):
    path = GNMIPath(gnmi.Path(elem=[gnmi.PathElem(name="...")] * 500 + [gnmi.PathElem(name="oper-status")]))
    assert len(await asyncio.wait_for(client.get(path), BOUND_SECONDS)) == 8


async def test_set_is_unimplemented(client):
    with pytest.raises(GNMIClientError) as caught:
        await client.set(update=[(GNMIPath("interfaces/interface[name=port1]/config/enabled"), False)])
    assert caught.value.code == GRPCStatusCode.UNIMPLEMENTED


async def test_once(client):
    subscription = client.subscribe()
    subscription.once(OPER_STATUS)
    assert [update.value async for update in subscription.synchronize()] == ["UP"] * 8


async def test_on_change_tells_changes_only(client, softswitch):
    subscription = client.subscribe()
    subscription.on_change(OPER_STATUS)
    assert len([update async for update in subscription.synchronize()]) == 8
    updates = subscription.updates()
    for is_up in (False, True):
        softswitch.ports.set_link(2, is_up=is_up)
        update = await next_of(updates)
        assert (update.path["name"], update.value) == ("port2", "UP" if is_up else "DOWN")
    softswitch.server.device.port_removed(5)
    update = await next_of(updates)
    assert (update.path["name"], update.typed_value) == ("port5", None)
    subscription.cancel()


async def test_sample(client, softswitch):
    subscription = client.subscribe()
    subscription.sample(COUNTERS.set(name="port1"), sample_interval=SAMPLE_NS, suppress_redundant=True)
    assert {update.value async for update in subscription.synchronize()} == {0}
    softswitch.ports.inject(1, bytes(60))
    updates = subscription.updates()
    told = {(update.path.last, update.value) for update in [await next_of(updates), await next_of(updates)]}
    assert told == {("in-pkts", 1), ("in-octets", 60)}
    subscription.cancel()


@pytest.mark.parametrize(
    ("path", "code", "named"),
    [
        ("interfaces/interface[name=*]/state/counters", GRPCStatusCode.INVALID_ARGUMENT, "SAMPLE"),
        ("interfaces/interface/state/colour", GRPCStatusCode.INVALID_ARGUMENT, "/state/colour"),
    ],
)
async def test_on_change_refusals(client, path, code, named):
    subscription = client.subscribe()
    subscription.on_change(GNMIPath(path))
    with pytest.raises(GNMIClientError) as caught:
        await asyncio.wait_for(anext(subscription.synchronize()), BOUND_SECONDS)
    assert caught.value.code == code
    assert named in caught.value.message


async def test_sample_interval_too_short(client):
    subscription = client.subscribe()
    subscription.sample(COUNTERS, sample_interval=1)
    with pytest.raises(GNMIClientError, match="sample_interval 1 ns"):
        await asyncio.wait_for(anext(subscription.synchronize()), BOUND_SECONDS)


async def test_poll(softswitch):
    wanted = gnmi.SubscriptionList(
        mode=gnmi.SubscriptionList.POLL,
        encoding=gnmi.Encoding.PROTO,
        subscription=[gnmi.Subscription(path=OPER_STATUS.path)],
    )
    async with aio.insecure_channel(softswitch.address) as channel:
        stream = gnmi_grpc.gNMIStub(channel).Subscribe()
        await stream.write(gnmi.SubscribeRequest(subscribe=wanted))
        for down in (None, 4):
            if down is not None:
                softswitch.ports.set_link(down, is_up=False)
                await stream.write(gnmi.SubscribeRequest(poll=gnmi.Poll()))
            answer = await asyncio.wait_for(stream.read(), BOUND_SECONDS)
            values = [update.val.string_val for update in answer.update.update]
            assert values == ["DOWN" if number == down else "UP" for number in range(1, 9)]
            assert (await asyncio.wait_for(stream.read(), BOUND_SECONDS)).sync_response
        stream.cancel()


async def test_switch_port_list_of_finsy(client, softswitch):
    ports = SwitchPortList()
    await ports.subscribe(client)
    assert {(port.id, port.name, port.up) for port in ports} == {(n, f"port{n}", True) for n in range(1, 9)}
    watch = client.subscribe()
    watch.on_change(OPER_STATUS)
    async for _ in watch.synchronize():
        pass
    listening = asyncio.create_task(ports.listen())
    softswitch.ports.set_link(6, is_up=False)
    await next_of(watch.updates())
    async with asyncio.timeout(BOUND_SECONDS):
        while ports["port6"].up:
            await asyncio.sleep(0)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    watch.cancel()
    ports.close()
    assert softswitch.server.device.port_states()[5].is_up is False
