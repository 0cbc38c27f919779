# SPDX-License-Identifier: Apache-2.0
"""Random edits of the world, for properties over histories. Some of them leave objects that do not go together."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from hypothesis import strategies as st

from p4vpc.intent import Intent, ObjectId, from_document, to_document
from tests.unit.p4vpc.model.world import DUAL_STACK, WIDER, read, world

Edit: TypeAlias = tuple[ObjectId, Intent | None]
"""An object, and what becomes of it; None: it is deleted."""

LEAVES = ("leaf1", "leaf2", "leaf3")
"""The third is not part of the world: what is plugged in there refers to nothing, unless a test or an edit adds it."""

BASE = {intent.id: intent for intent in world()}
OTHER = {intent.id: intent for intent in read(DUAL_STACK)}
_EXTRA = """
kind: tenant
name: blue
---
kind: vpc
tenant: blue
name: prod
---
kind: security_group
tenant: red
vpc: prod
name: app
rules:
  - {direction: ingress, protocol: tcp, ports: "443", peer: {group: web}}
---
kind: qos_policy
tenant: red
name: slow
from_port: {rate_bps: 1000000, burst_bytes: 10000}
---
kind: network_acl
tenant: red
vpc: prod
name: edge
subnets: [web]
inbound:
  - {action: allow, protocol: tcp, log: true, mirror: taps}
---
kind: mirror
tenant: red
vpc: prod
name: taps
ports: [web-1]
---
kind: vtep
name: far
address: 10.255.9.1
gbp: true
trust_gbp: true
---
kind: fabric
tenant_mtu: 1400
---
kind: port
tenant: red
vpc: prod
name: web-9
subnet: web
mac: 02:00:00:00:01:09
addresses: [10.0.1.19]
security_groups: [web]
attachment: {switch: leaf1, port: 39}
---
{kind: qos_policy, tenant: red, name: fast, to_port: {rate_bps: 1000000000, burst_bytes: 100000}}
---
{kind: vtep, name: near, address: 10.255.9.2}
"""
EXTRA = {intent.id: intent for intent in (*read(_EXTRA), *read(WIDER))}
_KNOWN = [*BASE.values(), *OTHER.values(), *EXTRA.values()]
_PORTS = [it for it in _KNOWN if it.kind == "port"]
_OPERATORS = [it for it in _KNOWN if it.kind in ("fabric", "switch", "link", "vtep", "qos_policy")]
LEAF3 = tuple(EXTRA[ObjectId(*name)] for name in (("switch", "leaf3"), ("link", "leaf3-spine1")))
"""What makes a third leaf reachable."""


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    """A change of one object: put as one of the worlds has it, deleted, or changed; many of ports and the fabric."""
    intent = draw(st.sampled_from(draw(st.sampled_from((_PORTS, _PORTS, _OPERATORS, _KNOWN)))))
    kind_of_edit = draw(st.integers(0, 5))
    if kind_of_edit == 0:
        return intent.id, None
    if kind_of_edit == 1:
        return intent.id, intent
    return intent.id, from_document(_changed(draw, to_document(intent)))


def _changed(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    match document["kind"]:
        case "port":
            places = [{"switch": leaf, "port": port} for leaf in LEAVES for port in (11, 30, 31)]
            vteps = [{"vtep": "10.255.9.1"}, {"vtep": "10.255.9.2"}]
            document["attachment"] = draw(st.sampled_from([None, *vteps, *places]))
            if "switch" in (document["attachment"] or {}) and draw(st.booleans()):
                document["candidates"] = [{"switch": draw(st.sampled_from(LEAVES)), "port": 50}]
            if document["vpc"] == "prod":
                document["security_groups"] = draw(st.sampled_from([[], ["web"], ["app"], ["app", "web"]]))
                document["qos"] = draw(st.sampled_from([None, "slow", "fast"]))
            if draw(st.integers(0, 3)) == 0:
                document["mac"] = draw(st.sampled_from(["02:00:00:00:01:01", "02:00:00:00:01:77"]))
                document["addresses"] = draw(st.sampled_from([["10.0.1.11"], ["10.0.1.77"], ["10.0.2.21"]]))
        case "security_group":
            peer = draw(st.sampled_from([{"group": "web"}, {"cidr": "10.0.1.8/29"}, {"cidr": "0.0.0.0/0"}]))
            direction = draw(st.sampled_from(["ingress", "egress"]))
            document["rules"] = [{"direction": direction, "protocol": "tcp", "ports": "80", "peer": peer}]
        case "route":
            document["prefix"] = draw(st.sampled_from(["0.0.0.0/0", "198.51.100.0/24", "10.0.0.0/8"]))
            document["next_hop"] = draw(st.sampled_from(["10.0.2.21", "10.0.1.11"]))
        case "subnet":
            document["broadcast"] = draw(st.booleans())
            document["vlan_transparent"] = draw(st.booleans())
        case "fabric" | "switch" | "link" | "vtep" | "qos_policy":
            _change_fabric(draw, document)
        case "mirror":
            document["ports"] = draw(st.sampled_from([["web-1"], ["web-2"], ["web-1", "web-2"]]))
    return document


def _change_fabric(draw: st.DrawFn, document: dict[str, Any]) -> None:
    """Change one field, or a few; a document may ask for what is there already, or for what cannot be."""
    match document["kind"]:
        case "fabric":
            some = {
                "tenant_mtu": [1000, 1400, 1500, 9000],
                "ecn": ["normal", "compatibility"],
                "dscp": [{"mode": "uniform"}, {"mode": "pipe", "value": 46}],
                "udp_checksum": ["zero", "computed"],
                "drop_samples": [{}, {"policy": "10/s"}, {"policy": "20/s", "spoof": "5/s"}],
                "acl_log": ["10/s", "20/s"],
                "vni_range": [[4096, 0xFFFFFF], [4097, 5000], [1, 5000]],
            }
        case "switch":
            some = {
                "router_mac": ["02:00:00:00:aa:01", "02:00:00:00:aa:02"],
                "p4runtime": ["h:3", "h:9"],
                "device_id": [1, 2],
            }
            if document["role"] == "leaf":
                some["vtep"] = ["10.255.0.1", "10.255.0.7", "10.255.9.2", "fd00::7"]
            else:
                some["tier"] = [1, 2]
            if draw(st.integers(0, 4)) == 0:
                document["role"] = "spine" if document["role"] == "leaf" else "leaf"
                for name in ("vtep", "tier"):
                    document.pop(name, None)
                    some.pop(name, None)
                if document["role"] == "leaf":
                    document["vtep"] = "10.255.0.8"
        case "link":
            ends = [
                {**document["a"], "port": draw(st.sampled_from([1, 2, 5, 11]))},
                {**document["a"], "address": draw(st.sampled_from(["10.254.0.1", "10.254.0.3", "10.255.0.7"]))},
            ]
            some = {"a": ends}
            if "mac" in document["b"]:
                prefixes = draw(
                    st.sampled_from([["10.255.9.0/24"], ["10.255.9.1/32", "10.255.7.0/24"], ["10.255.0.7/32"]])
                )
                some["b"] = [{**document["b"], "prefixes": prefixes}, {**document["b"], "mac": "02:00:00:00:99:07"}]
        case "vtep":
            some = {
                "address": ["10.255.9.1", "10.255.9.2", "10.255.0.1", "fd00::9"],
                "dscp": [{"mode": "uniform"}, {"mode": "pipe", "value": 46}],
                "udp_checksum": ["zero", "computed"],
            }
            document["gbp"] = draw(st.booleans())
            document["trust_gbp"] = document["gbp"] and draw(st.booleans())
        case _:
            bursts = [10_000, 100_000, 1_000]
            limit = {
                "rate_bps": draw(st.sampled_from([1_000_000, 2_000_000])),
                "burst_bytes": draw(st.sampled_from(bursts)),
            }
            some = {"from_port": [limit], "to_port": [limit]}
    for name in draw(st.lists(st.sampled_from(sorted(some)), min_size=1, max_size=2)):
        document[name] = draw(st.sampled_from(some[name]))


def happen(objects: Mapping[ObjectId, Intent], some: Iterable[Edit]) -> dict[ObjectId, Intent]:
    """Return the objects after some edits."""
    result = dict(objects)
    for object_id, intent in some:
        if intent is None:
            result.pop(object_id, None)
        else:
            result[object_id] = intent
    return result
