# SPDX-License-Identifier: Apache-2.0
"""Port states of a switch over gNMI: OpenConfig interfaces, ON_CHANGE (gNMI specification, section 3.5.1.5.2).

P4Runtime does not tell them. Where a target has gNMI at all it is at the same address, so the session's channel serves.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import grpc
from finsy.proto import gnmi, gnmi_grpc

from p4vpc.southbound.rpc import rpc_error

_OPER_STATUS = "oper-status"
_NUMBERS = ("id", "ifindex")
"""Leaves with the P4Runtime port number: that of openconfig-p4rt, and what stands for it on targets without."""

_NOBODY_ANSWERED = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
)


async def has_gnmi(channel: grpc.aio.Channel, timeout_seconds: float) -> bool:
    """Whether the target tells what it can do over gNMI (gNMI specification, section 3.2), or refuses us to.

    Raises:
        RpcError: nobody has answered.
    """
    stub: gnmi_grpc.gNMIAsyncStub = gnmi_grpc.gNMIStub(channel)
    try:
        await stub.Capabilities(gnmi.CapabilityRequest(), timeout=timeout_seconds)
    except grpc.aio.AioRpcError as error:
        if error.code() in _NOBODY_ANSWERED:
            raise rpc_error("gNMI capabilities", error) from None
        return error.code() is not grpc.StatusCode.UNIMPLEMENTED
    return True


async def follow_ports(channel: grpc.aio.Channel) -> AsyncIterator[Mapping[int, bool]]:
    """Yield whether ports are up, by number: all of them at first, and all of them again after each change.

    Only state UP counts as up. A port that the switch has no more counts as down.

    Raises:
        RpcError: the stream has ended; UNIMPLEMENTED: the target has no port states to tell.
    """
    stub: gnmi_grpc.gNMIAsyncStub = gnmi_grpc.gNMIStub(channel)
    picture = _Picture()
    is_synced = False
    told: Mapping[int, bool] | None = None
    try:
        call = stub.Subscribe()
        await call.write(_request())
        async for response in call:
            if response.HasField("update"):
                picture.take(response.update)
            is_synced |= response.sync_response
            now = picture.is_up()
            if is_synced and now != told:
                told = now
                yield now
    except grpc.aio.AioRpcError as error:
        raise rpc_error("port states", error) from None


def _request() -> gnmi.SubscribeRequest:
    request = gnmi.SubscribeRequest()
    request.subscribe.mode = gnmi.SubscriptionList.STREAM
    request.subscribe.encoding = gnmi.PROTO
    for leaf in (_OPER_STATUS, *_NUMBERS):
        path = gnmi.Path(
            elem=[
                gnmi.PathElem(name="interfaces"),
                gnmi.PathElem(name="interface", key={"name": "*"}),
                gnmi.PathElem(name="state"),
                gnmi.PathElem(name=leaf),
            ]
        )
        request.subscribe.subscription.add(path=path, mode=gnmi.ON_CHANGE)
    return request


@dataclass(slots=True)
class _Picture:
    """Interfaces by name, leaf by leaf."""

    leaves: dict[tuple[str, str], gnmi.TypedValue] = field(default_factory=dict)
    gone: dict[int, bool] = field(default_factory=dict)

    def take(self, news: gnmi.Notification) -> None:
        before = self.is_up()
        for path in news.delete:
            for name, leaf in [key for key in self.leaves if _is_below(path, news.prefix, key)]:
                del self.leaves[name, leaf]
        for update in news.update:
            elements = [*news.prefix.elem, *update.path.elem]
            name = next((element.key["name"] for element in elements if "name" in element.key), "")
            self.leaves[name, elements[-1].name if elements else ""] = update.val
        for number in before.keys() - self.is_up().keys():
            self.gone[number] = False

    def is_up(self) -> dict[int, bool]:
        found = dict(self.gone)
        for (name, leaf), value in self.leaves.items():
            if leaf == _OPER_STATUS:
                number = next((self.leaves[name, kind] for kind in _NUMBERS if (name, kind) in self.leaves), None)
                if number is not None:
                    found[int(_plain(number))] = _plain(value).upper().rpartition(":")[2] == "UP"
        return found


def _is_below(path: gnmi.Path, prefix: gnmi.Path, key: tuple[str, str]) -> bool:
    """Whether a deleted path takes a leaf of an interface with it: its own, or that of the interface as a whole."""
    name, leaf = key
    elements = [*prefix.elem, *path.elem]
    named = next((element.key["name"] for element in elements if "name" in element.key), name)
    last = elements[-1].name if elements else ""
    return named == name and last in (leaf, "state", "interface", "interfaces", "")


def _plain(value: gnmi.TypedValue) -> str:
    """Return a scalar as text, whatever encoding the target prefers."""
    kind = value.WhichOneof("value")
    if kind in ("json_val", "json_ietf_val"):
        return str(json.loads(value.json_val or value.json_ietf_val))
    return str(getattr(value, kind)) if kind else ""
