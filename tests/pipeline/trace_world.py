# SPDX-License-Identifier: Apache-2.0
"""A world for traces: the example, and what else a packet may meet: tags, tunnels of others, floods, ACLs, routes."""

from p4vpc.intent import Intent, ObjectId, from_document, load_yaml, to_document
from p4vpc.services.trace import Answer, Held, Question, World, ask, desired_of
from p4vpc_tracer import SoftswitchTracer
from tests.pipeline.fabric import EXAMPLE, ROOT, MemoryFabric

FOREIGN = ROOT / "topo" / "examples" / "foreign-vtep.yaml"
MORE = """
{kind: qos_policy, tenant: red, name: slow, from_port: {rate_bps: 1000000, burst_bytes: 1600}}
---
{kind: mirror, tenant: red, vpc: prod, name: tap, ports: [tap-1]}
---
kind: port
tenant: red
vpc: prod
name: tap-1
subnet: db
mac: 02:00:00:00:01:71
addresses: [10.0.2.71]
security_groups: [isolated]
attachment: {switch: leaf1, port: 17}
---
kind: port
tenant: red
vpc: prod
name: tagged-1
subnet: web
mac: 02:00:00:00:01:72
addresses: [10.0.1.72, "fd01::72"]
security_groups: [web]
qos: slow
attachment: {switch: leaf2, port: 18, vlan: 100}
candidates: [{switch: leaf3, port: 19, vlan: 101}]
---
{kind: port, tenant: red, vpc: prod, name: unbound-1, subnet: web, mac: "02:00:00:00:01:73", addresses: [10.0.1.73],
 security_groups: [web]}
---
{kind: route, tenant: red, vpc: prod, name: default, prefix: 0.0.0.0/0, next_hop: 10.0.2.21}
---
{kind: route, tenant: red, vpc: prod, name: nowhere, prefix: 192.0.2.0/24, next_hop: 10.0.1.73}
---
kind: network_acl
tenant: red
vpc: prod
name: edge
subnets: [db]
inbound:
  - {action: deny, protocol: tcp, ports: "5433"}
  - {action: allow, protocol: icmp, log: true}
  - {action: allow, source: 10.0.1.0/24, mirror: tap}
  - {action: allow, source: "fd01::/64"}
  - {action: allow, protocol: icmpv6}
outbound:
  - {action: deny, protocol: udp, source_ports: "53"}
  - {action: allow, protocol: any}
"""


def objects() -> list[Intent]:
    """All of it; red's web subnet floods."""
    texts = (EXAMPLE.read_text(), FOREIGN.read_text(), MORE)
    found = [intent for text in texts for intent in load_yaml(text, "test")]
    return [
        from_document({**to_document(it), "broadcast": True})
        if it.id == ObjectId("subnet", "red/prod/web")
        else _allowing(it)
        for it in found
    ]


def _allowing(intent: Intent) -> Intent:
    """The group of databases with a rule more, so that an ACL has something to deny."""
    if intent.id != ObjectId("security_group", "red/prod/db"):
        return intent
    document = to_document(intent)
    rule = {"direction": "ingress", "protocol": "tcp", "ports": "5433", "peer": {"group": "web"}}
    return from_document({**document, "rules": [*document["rules"], rule]})


class Tracing:
    """Traces over what the switches of a fabric shall hold."""

    def __init__(self, fabric: MemoryFabric):
        self.fabric = fabric
        self.model = fabric.numbers.model(fabric.objects)
        self.desired = fabric.desired(fabric.objects)
        self.tracer = SoftswitchTracer()

    def world(self) -> World:
        """Switches that no packet has come to."""

        def held(name: str) -> Held:
            return desired_of(self.desired[name], self.fabric.pipeline)

        return World(self.model, self.fabric.pipeline, self.tracer, held)

    def ask(self, source: str | None = None, destination: str | None = None, **rest: object) -> Answer:
        """A question about a port, by key."""
        port = None if source is None else ObjectId("port", source)
        return ask(Question(port, destination, **rest), self.world())  # type: ignore[arg-type]


def traced_fabric() -> tuple[MemoryFabric, Tracing, list[int]]:
    """The fabric, brought to the intent; traces of it; and its clock, in microseconds."""
    now_us = [0]
    fabric = MemoryFabric(objects(), now_us=lambda: now_us[0])
    fabric.realise(fabric.objects)
    return fabric, Tracing(fabric), now_us
