# SPDX-License-Identifier: Apache-2.0
"""Port states from a gNMI server that says what targets say: in other encodings, in parts, with interfaces that go."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import grpc
import pytest
from finsy import GRPCStatusCode
from finsy.proto import gnmi

from p4vpc.southbound.port_states import follow_ports
from p4vpc.southbound.rpc import RpcError

BOUND_SECONDS = 20.0


def path(*elements: str, interface: str = "") -> gnmi.Path:
    built = [gnmi.PathElem(name=name) for name in elements]
    for element in built:
        if element.name == "interface" and interface:
            element.key["name"] = interface
    return gnmi.Path(elem=built)


def leaf(interface: str, name: str, value: gnmi.TypedValue) -> gnmi.Update:
    return gnmi.Update(path=path("interfaces", "interface", "state", name, interface=interface), val=value)


def text(value: str) -> gnmi.TypedValue:
    return gnmi.TypedValue(string_val=value)


def number(value: int) -> gnmi.TypedValue:
    return gnmi.TypedValue(uint_val=value)


def in_json(value: object) -> gnmi.TypedValue:
    return gnmi.TypedValue(json_ietf_val=json.dumps(value).encode())


def news(*updates: gnmi.Update, delete: tuple[gnmi.Path, ...] = ()) -> gnmi.SubscribeResponse:
    return gnmi.SubscribeResponse(update=gnmi.Notification(update=updates, delete=delete))


SYNC = gnmi.SubscribeResponse(sync_response=True)


@asynccontextmanager
async def target(*answers: gnmi.SubscribeResponse) -> AsyncIterator[grpc.aio.Channel]:
    """A server that answers a subscription with these, and ends it."""
    asked: list[gnmi.SubscribeRequest] = []

    async def subscribe(requests: AsyncIterator[gnmi.SubscribeRequest], context: object) -> AsyncIterator[object]:
        asked.append(await anext(requests))
        for answer in answers:
            yield answer

    server = grpc.aio.server()
    handler = grpc.stream_stream_rpc_method_handler(
        subscribe, gnmi.SubscribeRequest.FromString, gnmi.SubscribeResponse.SerializeToString
    )
    if answers:
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("gnmi.gNMI", {"Subscribe": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)
    for request in asked:
        assert {(item.path.elem[-1].name, item.mode) for item in request.subscribe.subscription} == {
            ("oper-status", gnmi.ON_CHANGE),
            ("id", gnmi.ON_CHANGE),
            ("ifindex", gnmi.ON_CHANGE),
        }


async def states(*answers: gnmi.SubscribeResponse) -> list[Mapping[int, bool]]:
    async with target(*answers) as channel, asyncio.timeout(BOUND_SECONDS):
        return [dict(is_up) async for is_up in follow_ports(channel)]


async def test_all_ports_at_first_and_again_after_each_change() -> None:
    told = await states(
        news(leaf("a", "oper-status", text("UP")), leaf("a", "id", number(1))),
        news(leaf("b", "oper-status", text("DOWN")), leaf("b", "id", number(2))),
        SYNC,
        news(leaf("b", "oper-status", text("UP"))),
        news(leaf("b", "oper-status", text("UP"))),
        news(leaf("a", "oper-status", text("LOWER_LAYER_DOWN"))),
    )
    assert told == [{1: True, 2: False}, {1: True, 2: True}, {1: False, 2: True}]


async def test_json_prefixes_of_modules_and_interface_indexes() -> None:
    told = await states(
        news(leaf("a", "oper-status", in_json("openconfig-interfaces:UP")), leaf("a", "ifindex", in_json("7"))),
        news(leaf("lo", "oper-status", in_json("UP"))),
        SYNC,
    )
    assert told == [{7: True}], "what has no number is no switch port"


async def test_the_port_number_of_p4runtime_goes_before_the_interface_index() -> None:
    ports = (leaf("a", "ifindex", number(1001)), leaf("a", "id", number(1)), leaf("a", "oper-status", text("UP")))
    assert await states(news(*ports), SYNC) == [{1: True}]


@pytest.mark.parametrize(
    "gone",
    [
        path("interfaces", "interface", interface="a"),
        path("interfaces", "interface", "state", interface="a"),
        path("interfaces", "interface", "state", "oper-status", interface="a"),
    ],
    ids=lambda gone: "/".join(element.name for element in gone.elem),
)
async def test_an_interface_that_goes_is_a_port_that_is_down(gone: gnmi.Path) -> None:
    both = [
        item
        for name, port in (("a", 1), ("b", 2))
        for item in (leaf(name, "oper-status", text("UP")), leaf(name, "id", number(port)))
    ]
    told = await states(news(*both), SYNC, news(delete=(gone,)), news(*both))
    assert told == [{1: True, 2: True}, {1: False, 2: True}, {1: True, 2: True}]


async def test_a_prefix_is_part_of_the_path() -> None:
    notification = gnmi.Notification(prefix=path("interfaces", "interface", interface="a"))
    notification.update.add(path=path("state", "oper-status"), val=text("UP"))
    notification.update.add(path=path("state", "id"), val=number(3))
    assert await states(gnmi.SubscribeResponse(update=notification), SYNC) == [{3: True}]


async def test_a_target_without_gnmi_says_so() -> None:
    with pytest.raises(RpcError) as caught:
        await states()
    assert caught.value.code is GRPCStatusCode.UNIMPLEMENTED
