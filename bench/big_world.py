# SPDX-License-Identifier: Apache-2.0
"""A generated intent for benchmarks of changes: pods of leaves under four spines, VPCs of one size."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

POD = 100
"""Leaves under the same spines: a spine's `fabric_ports` has room for 170 ports."""

SPINES = 4
"""Of each pod; and where there are several pods, above them."""

GROUPS = 10
_FIRST_PORT = 10
_FIRST_HOST = int(IPv4Address("10.0.0.10"))


@dataclass(frozen=True)
class Shape:
    """How big.

    Attributes:
        ports: of all VPCs, besides `vpc_ports`, which is how many each has.
        leaves_per_vpc: over how many leaves those of one VPC are spread.
    """

    ports: int
    leaves: int
    vpc_ports: int = 100
    leaves_per_vpc: int = 10

    @property
    def vpcs(self) -> int:
        """How many there are."""
        return -(-self.ports // self.vpc_ports)

    def leaf_of(self, vpc: int, port: int) -> str:
        """Where a port of a VPC is: neighbouring VPCs begin at different leaves."""
        spread = min(self.leaves_per_vpc, self.leaves)
        return leaf((vpc * spread + port % spread) % self.leaves)


def leaf(number: int) -> str:
    """The name of a leaf, counted from 0."""
    return f"leaf{number + 1:04}"


def spine(pod: int, number: int) -> str:
    """The name of a pod's spine."""
    return f"spine{pod + 1:02}-{number + 1}"


def fabric(shape: Shape) -> Iterator[dict[str, Any]]:
    """Switches and links."""
    pods = -(-shape.leaves // POD)
    for at in range(SPINES):
        top = f"super{at + 1}"
        if pods > 1:
            yield {"kind": "switch", "name": top, "role": "spine", "tier": 2, "p4runtime": f"{top}:9559"}
        for pod in range(pods):
            name = spine(pod, at)
            yield {"kind": "switch", "name": name, "role": "spine", "p4runtime": f"{name}:9559"}
            if pods > 1:
                up, down = {"switch": name, "port": POD + 1}, {"switch": top, "port": pod + 1}
                yield {"kind": "link", "name": f"{name}-{top}", "a": up, "b": down}
    for number in range(shape.leaves):
        name = leaf(number)
        vtep = str(IPv4Address("10.255.0.1") + number)
        yield {"kind": "switch", "name": name, "role": "leaf", "vtep": vtep, "p4runtime": f"{name}:9559"}
        for at in range(SPINES):
            far = {"switch": spine(number // POD, at), "port": number % POD + 1}
            yield {"kind": "link", "name": f"{name}-{at + 1}", "a": {"switch": name, "port": at + 1}, "b": far}


def tenants(shape: Shape) -> Iterator[dict[str, Any]]:
    """Everything of the tenants."""
    taken: dict[str, int] = {}
    for vpc in range(shape.vpcs):
        scope = scope_of(vpc)
        yield {"kind": "tenant", "name": scope["tenant"]}
        yield {"kind": "vpc", "tenant": scope["tenant"], "name": scope["vpc"]}
        yield {"kind": "subnet", **scope, "name": "all", "ipv4": "10.0.0.0/16"}
        for group in range(GROUPS):
            peer = {"group": f"group{(group + 1) % GROUPS}"}
            rules = [{"direction": "ingress", "protocol": "tcp", "ports": "8000-8099", "peer": peer}]
            yield {"kind": "security_group", **scope, "name": f"group{group}", "rules": rules}
        for port in range(min(shape.vpc_ports, shape.ports - vpc * shape.vpc_ports)):
            name = shape.leaf_of(vpc, port)
            taken[name] = taken.get(name, -1) + 1
            yield port_document(vpc, port, name, _FIRST_PORT + taken[name], port % GROUPS)


def scope_of(vpc: int) -> dict[str, str]:
    """Tenant and name of a VPC."""
    return {"tenant": f"tenant{vpc:04}", "vpc": "prod"}


def port_document(vpc: int, port: int, switch: str, number: int, group: int) -> dict[str, Any]:
    """A port of a VPC."""
    return {
        "kind": "port",
        **scope_of(vpc),
        "name": f"port{port:05}",
        "subnet": "all",
        "mac": f"02:00:00:{port >> 16:02x}:{port >> 8 & 0xFF:02x}:{port & 0xFF:02x}",
        "addresses": [str(IPv4Address(_FIRST_HOST + port))],
        "security_groups": [f"group{group}"],
        "attachment": {"switch": switch, "port": number},
    }
