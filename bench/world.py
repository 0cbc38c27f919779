# SPDX-License-Identifier: Apache-2.0
"""A generated intent of any size: leaves, spines, VPCs with two subnets and three security groups each."""

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

from p4vpc.intent import Identifiers, Intent, from_document
from p4vpc.model import Model, build_model, plan_identifiers

PORTS_PER_VPC = 100
LEAVES = 4
SPINES = 2
_PORTS_ON_A_LEAF = 400
_GROUPS = ("web", "app", "db")


def objects(ports: int) -> list[Intent]:
    """An intent with about this many ports, spread over all leaves, every VPC on every leaf."""
    return [from_document(document) for document in (*_fabric(), *_tenants(ports))]


def model_of(intents: list[Intent]) -> Model:
    """The model, with identifiers counted up from the low end of each pool."""
    held: dict[Any, int] = {}
    following: dict[str, int] = {}
    for claim in plan_identifiers(intents, Identifiers()).allocate:
        held[claim.id] = following.get(claim.id.pool, claim.low)
        following[claim.id.pool] = held[claim.id] + 1
    return build_model(intents, Identifiers(held))


def leaf(number: int) -> str:
    """The name of a leaf, counted from 0."""
    return f"leaf{number + 1}"


def _fabric() -> Iterator[dict[str, Any]]:
    for number in range(LEAVES):
        yield {
            "kind": "switch",
            "name": leaf(number),
            "role": "leaf",
            "vtep": f"10.255.0.{number + 1}",
            "p4runtime": f"127.0.0.1:{9600 + number}",
            "device_id": number + 1,
        }
    for number in range(SPINES):
        name = f"spine{number + 1}"
        yield {
            "kind": "switch",
            "name": name,
            "role": "spine",
            "p4runtime": f"127.0.0.1:{9700 + number}",
            "device_id": 100 + number,
        }
        for at in range(LEAVES):
            yield {
                "kind": "link",
                "name": f"{leaf(at)}-{name}",
                "a": {"switch": leaf(at), "port": number + 1},
                "b": {"switch": name, "port": at + 1},
            }


def _tenants(ports: int) -> Iterator[dict[str, Any]]:
    for number in range(0, ports, PORTS_PER_VPC):
        scope = {"tenant": f"tenant{number // PORTS_PER_VPC}", "vpc": "prod"}
        yield {"kind": "tenant", "name": scope["tenant"]}
        yield {"kind": "vpc", "tenant": scope["tenant"], "name": "prod"}
        yield {"kind": "subnet", **scope, "name": "front", "ipv4": "10.0.0.0/20"}
        yield {"kind": "subnet", **scope, "name": "back", "ipv4": "10.0.16.0/20"}
        for group in _GROUPS:
            rules = [
                {"direction": "ingress", "protocol": "tcp", "ports": "8000-8099", "peer": {"group": peer}}
                for peer in _GROUPS
            ]
            yield {"kind": "security_group", **scope, "name": group, "rules": rules}
        for index in range(min(PORTS_PER_VPC, ports - number)):
            yield _port(scope, number, index)


def _port(scope: dict[str, str], first: int, index: int) -> dict[str, Any]:
    serial = first + index
    is_front = index % 2 == 0
    on_leaf = serial // LEAVES
    return {
        "kind": "port",
        **scope,
        "name": f"port{index}",
        "subnet": "front" if is_front else "back",
        "mac": f"02:00:00:00:{index >> 8:02x}:{index & 0xFF:02x}",
        "addresses": [str(IPv4Address("10.0.0.10" if is_front else "10.0.16.10") + index)],
        "security_groups": [_GROUPS[index % len(_GROUPS)]],
        "attachment": {
            "switch": leaf(serial % LEAVES),
            "port": 10 + on_leaf % _PORTS_ON_A_LEAF,
            "vlan": 1 + on_leaf // _PORTS_ON_A_LEAF,
        },
    }
