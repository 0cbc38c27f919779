# SPDX-License-Identifier: Apache-2.0
"""A small world of intent for tests: one spine, two leaves, a neighbour with a foreign VTEP behind it, two VPCs."""

import re
from collections import defaultdict
from collections.abc import Iterable

from p4vpc.intent import ClaimId, Identifiers, Intent, ObjectId, dump_yaml, load_yaml
from p4vpc.model import Model, build_model, plan_identifiers

FABRIC = """
kind: switch
name: leaf1
role: leaf
vtep: 10.255.0.1
p4runtime: 127.0.0.1:9561
---
kind: switch
name: leaf2
role: leaf
vtep: 10.255.0.2
p4runtime: 127.0.0.1:9562
---
kind: switch
name: spine1
role: spine
p4runtime: 127.0.0.1:9563
---
kind: link
name: leaf1-spine1
a: {switch: leaf1, port: 1}
b: {switch: spine1, port: 1}
---
kind: link
name: leaf2-spine1
a: {switch: leaf2, port: 1}
b: {switch: spine1, port: 2}
---
kind: link
name: leaf2-router
a: {switch: leaf2, port: 9, address: 10.254.0.1}
b: {mac: 02:00:00:00:99:01, prefixes: [10.255.9.0/24]}
"""

TENANTS = """
kind: tenant
name: red
---
kind: vpc
tenant: red
name: prod
---
kind: subnet
tenant: red
vpc: prod
name: web
ipv4: 10.0.1.0/24
---
kind: subnet
tenant: red
vpc: prod
name: db
ipv4: 10.0.2.0/24
---
kind: security_group
tenant: red
vpc: prod
name: web
rules:
  - {direction: ingress, protocol: tcp, ports: 80-90, peer: {group: web}}
---
kind: port
tenant: red
vpc: prod
name: web-1
subnet: web
mac: 02:00:00:00:01:01
addresses: [10.0.1.11]
security_groups: [web]
attachment: {switch: leaf1, port: 11}
---
kind: port
tenant: red
vpc: prod
name: web-2
subnet: web
mac: 02:00:00:00:01:02
addresses: [10.0.1.12]
security_groups: [web]
attachment: {switch: leaf2, port: 11, vlan: 7}
---
kind: port
tenant: red
vpc: prod
name: db-1
subnet: db
mac: 02:00:00:00:01:03
addresses: [10.0.2.21, 10.0.2.22]
attachment: {switch: leaf2, port: 12}
---
kind: port
tenant: red
vpc: prod
name: far-1
subnet: web
mac: 02:00:00:00:01:04
addresses: [10.0.1.14]
security_groups: [web]
attachment: {vtep: 10.255.9.1}
---
kind: port
tenant: red
vpc: prod
name: idle-1
subnet: web
mac: 02:00:00:00:01:05
addresses: [10.0.1.15]
---
kind: route
tenant: red
vpc: prod
name: outside
prefix: 192.0.2.0/24
next_hop: 10.0.2.21
---
kind: vpc
tenant: red
name: lab
---
kind: subnet
tenant: red
vpc: lab
name: web
ipv4: 10.0.1.0/24
---
kind: port
tenant: red
vpc: lab
name: web-1
subnet: web
mac: 02:00:00:00:01:01
addresses: [10.0.1.11]
attachment: {switch: leaf1, port: 12}
"""

DUAL_STACK = """
kind: subnet
tenant: red
vpc: prod
name: web
ipv4: 10.0.1.0/24
ipv6: 2001:db8:1::/64
broadcast: true
---
kind: subnet
tenant: red
vpc: prod
name: v6
ipv6: 2001:db8:6::/64
gateway_v6: 2001:db8:6::ff
---
kind: port
tenant: red
vpc: prod
name: web-1
subnet: web
mac: 02:00:00:00:01:01
addresses: [10.0.1.11, "2001:db8:1::11", "2001:db8:1::12"]
security_groups: [web]
attachment: {switch: leaf1, port: 11}
---
kind: port
tenant: red
vpc: prod
name: v6-1
subnet: v6
mac: 02:00:00:00:01:06
addresses: ["2001:db8:6::11"]
attachment: {switch: leaf2, port: 16}
---
kind: route
tenant: red
vpc: prod
name: outside-v6
prefix: 2001:db8::/32
next_hop: 2001:db8:6::11
---
kind: link
name: leaf1-router
a: {switch: leaf1, port: 9, address: "2001:db8:fe::1"}
b: {mac: 02:00:00:00:99:02, prefixes: ["2001:db8:ffff::/48"]}
"""
"""Makes `web` dual-stack and flooding, and adds a subnet of IPv6 alone."""

WIDER = """
{kind: switch, name: leaf3, role: leaf, vtep: 10.255.0.3, p4runtime: "h:3"}
---
{kind: switch, name: spine2, role: spine, p4runtime: "h:4"}
---
{kind: link, name: leaf1-spine2, a: {switch: leaf1, port: 5}, b: {switch: spine2, port: 1}}
---
{kind: link, name: leaf2-spine2, a: {switch: leaf2, port: 5}, b: {switch: spine2, port: 2}}
---
{kind: link, name: leaf3-spine1, a: {switch: leaf3, port: 4}, b: {switch: spine1, port: 3}}
---
{kind: link, name: leaf3-spine2, a: {switch: leaf3, port: 5}, b: {switch: spine2, port: 3}}
"""
"""More of the fabric: a leaf, and a spine over all."""


def over_ipv6(objects: Iterable[Intent]) -> list[Intent]:
    """Return the objects with IPv6 VTEPs: `10.255.x.y` becomes `fd00::x:y`, also as a neighbour's prefix."""
    return read(_V4_VTEP.sub(r"fd00::\1:\2", dump_yaml(objects)).replace("fd00::9:0/24", "fd00::9:0/112"))


_V4_VTEP = re.compile(r"10\.255\.(\d+)\.(\d+)")


def read(text: str) -> list[Intent]:
    """Return the objects of a YAML text."""
    return load_yaml(text, "test")


def world(extra: str = "", without: Iterable[str] = ()) -> list[Intent]:
    """Return the world, with what `extra` adds or replaces, without those named like "port red/prod/web-1"."""
    objects = {intent.id: intent for intent in read(f"{FABRIC}---{TENANTS}")}
    objects.update({intent.id: intent for intent in read(extra)})
    for name in without:
        kind, _, key = name.partition(" ")
        del objects[ObjectId(kind, key)]
    return list(objects.values())


def number(objects: Iterable[Intent], held: Identifiers | None = None) -> Identifiers:
    """Allocate as the store does, without one: upwards in each pool, nothing ever reused."""
    held = held or Identifiers()
    numbers = dict(held.numbers)
    top: dict[str, int] = defaultdict(int)
    for claim_id, taken in numbers.items():
        top[claim_id.pool] = max(top[claim_id.pool], taken)
    plan = plan_identifiers(objects, held)
    for claim in plan.allocate:
        top[claim.id.pool] = numbers[claim.id] = max(claim.low, top[claim.id.pool] + 1)
        assert numbers[claim.id] <= claim.high
    for claim_id in plan.retire:
        del numbers[claim_id]
    return Identifiers(numbers)


def build(objects: list[Intent], held: Identifiers | None = None, revision: int = 0) -> Model:
    """Return the model of the objects, with numbers allocated."""
    return build_model(objects, number(objects, held), revision)


def number_of(identifiers: Identifiers, pool: str, owner: str) -> int:
    """Return a number that must be there."""
    return identifiers.numbers[ClaimId(pool, owner)]
