# SPDX-License-Identifier: Apache-2.0
"""Mirrors, logged rules and sampled drops over real gRPC: from the intent to a port, REST and the command line.

The whole way: hosts' frames through softswitch, whose pipeline and entries are the real ones.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from p4vpc.api import create_app
from p4vpc.api.first_token import create_first_token
from p4vpc.intent import load_yaml
from p4vpc.services import Controller
from softswitch.p4runtime import P4RuntimeServer
from softswitch.ports import MemoryPorts
from tests.integration.controller.conftest import ServeProcess
from tests.integration.controller.running import BOUND_SECONDS, controlling_a_leaf, realise

WEB_MAC, DB_MAC, TAP_MAC = "02:00:00:00:00:0b", "02:00:00:00:00:0d", "02:00:00:00:00:0e"
GATEWAY_MAC = "02:00:5e:00:01:01"
WEB, DB = "10.0.1.11", "10.0.2.13"
WEB_V6, DB_V6 = "2001:db8:1::b", "2001:db8:2::d"
WEB_PORT, DB_PORT, TAP_PORT = 11, 13, 14

INTENT = """
kind: fabric
drop_samples: {policy: 100/s, acl: 100/s, spoof: 100/s, rate: 100/s}
acl_log: 100/s
---
kind: switch
name: leaf1
role: leaf
vtep: 10.255.0.1
p4runtime: ADDRESS
device_id: 1
---
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
ipv6: 2001:db8:1::/64
---
kind: subnet
tenant: red
vpc: prod
name: db
ipv4: 10.0.2.0/24
ipv6: 2001:db8:2::/64
---
kind: security_group
tenant: red
vpc: prod
name: all
rules:
  - {direction: ingress, protocol: udp, peer: {group: all}}
  - {direction: ingress, protocol: tcp, peer: {group: all}}
---
kind: port
tenant: red
vpc: prod
name: web-1
subnet: web
mac: "02:00:00:00:00:0b"
addresses: [10.0.1.11, "2001:db8:1::b"]
security_groups: [all]
attachment: {switch: leaf1, port: 11}
---
kind: port
tenant: red
vpc: prod
name: db-1
subnet: db
mac: "02:00:00:00:00:0d"
addresses: [10.0.2.13, "2001:db8:2::d"]
security_groups: [all]
attachment: {switch: leaf1, port: 13, vlan: 100}
---
kind: port
tenant: red
vpc: prod
name: tap
subnet: web
mac: "02:00:00:00:00:0e"
addresses: [10.0.1.14]
attachment: {switch: leaf1, port: 14}
---
kind: mirror
tenant: red
vpc: prod
name: tap
ports: [tap]
max_bytes: 64
---
kind: network_acl
tenant: red
vpc: prod
name: edge
subnets: [db]
inbound:
  - {action: deny, protocol: tcp, ports: 22, log: true, mirror: tap}
  - {action: deny, protocol: tcp, ports: 23}
  - {action: allow, protocol: udp, mirror: tap}
  - {action: allow, protocol: tcp, log: true}
"""


@pytest.fixture
async def ports() -> MemoryPorts:
    return MemoryPorts(range(1, 32))


@pytest.fixture
async def running(ports: MemoryPorts, tmp_path: Path) -> AsyncIterator[Controller]:
    """A controller whose switch shows the intent."""
    async with controlling_a_leaf(tmp_path, ports, INTENT) as started:
        yield started


@pytest.fixture
async def api(running: Controller) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(running))
    headers = {"Authorization": f"Bearer {await create_first_token(running.access, None)}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://p4vpc", headers=headers) as client:
        yield client


def to_gateway(layer: Packet) -> bytes:
    return bytes(Ether(src=WEB_MAC, dst=GATEWAY_MAC) / layer)


async def received(ports: MemoryPorts, port: int) -> Packet:
    async with asyncio.timeout(BOUND_SECONDS):
        return Ether(await ports.receive(port))


async def samples(api: httpx.AsyncClient, after: int = 0, **query: str) -> list[dict[str, Any]]:
    response = await api.get("/v1/drops/samples", params={"wait": BOUND_SECONDS, "after": after, **query})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["samples"]
    return found


async def drops(api: httpx.AsyncClient) -> dict[str, int]:
    return {
        reason: packets
        for reason, packets in (await api.get("/v1/drops")).json()["switches"]["leaf1"].items()
        if packets
    }


async def test_a_mirror_gets_what_a_rule_allows_cut_to_its_length(ports: MemoryPorts, running: Controller) -> None:
    for layer in (IP(src=WEB, dst=DB), IPv6(src=WEB_V6, dst=DB_V6)):
        frame = to_gateway(layer / UDP(dport=53) / Raw(bytes(100)))
        ports.inject(WEB_PORT, frame)
        delivered, copy = await received(ports, DB_PORT), await received(ports, TAP_PORT)
        assert (delivered[Dot1Q].vlan, delivered.dst, delivered[UDP].dport) == (100, DB_MAC, 53)
        assert (copy.dst, copy.type, len(copy)) == (DB_MAC, delivered[Dot1Q].type, 64)
        assert bytes(copy)[14:] == bytes(delivered)[18 : 18 + 50]
    assert running.samples.last == 0


async def test_a_rule_that_denies_logs_and_mirrors(
    ports: MemoryPorts, running: Controller, api: httpx.AsyncClient
) -> None:
    ports.inject(WEB_PORT, to_gateway(IP(src=WEB, dst=DB) / TCP(sport=40000, dport=22)))
    assert (await received(ports, TAP_PORT))[TCP].dport == 22
    (sample,) = await samples(api)
    assert (sample["switch"], sample["port"], sample["reason"], sample["vpc"]) == ("leaf1", 11, "acl_log", "red/prod")
    assert sample["rule"] == {
        "acl": {"kind": "network_acl", "key": "red/prod/edge"},
        "direction": "inbound",
        "position": 0,
        "action": "deny",
    }
    assert [sample[end]["key"] for end in ("source", "destination")] == ["red/prod/web-1", "red/prod/db-1"]
    assert (sample["source_port"], sample["destination_port"], sample["protocol"]) == (40000, 22, 6)
    assert await drops(api) == {"acl": 1}


async def test_a_rule_that_allows_logs_and_the_packet_goes_on(
    ports: MemoryPorts, running: Controller, api: httpx.AsyncClient
) -> None:
    ports.inject(WEB_PORT, to_gateway(IPv6(src=WEB_V6, dst=DB_V6) / TCP(sport=40000, dport=443)))
    assert (await received(ports, DB_PORT))[TCP].dport == 443
    (sample,) = await samples(api)
    assert (sample["rule"]["position"], sample["rule"]["action"]) == (3, "allow")
    assert (sample["source_address"], sample["destination_address"]) == (WEB_V6, DB_V6)
    assert await drops(api) == {}


async def test_drops_of_ingress_and_egress_are_sampled(
    ports: MemoryPorts, running: Controller, api: httpx.AsyncClient
) -> None:
    bridged = bytes(Ether(src=WEB_MAC, dst=TAP_MAC) / IP(src=WEB, dst="10.0.1.14") / UDP())
    last = 0
    for reason, frame, source, destination in (
        ("spoof", bytes(Ether(src=DB_MAC, dst=GATEWAY_MAC) / IP(src=DB, dst=WEB)), "web-1", "web-1"),
        ("acl", to_gateway(IP(src=WEB, dst=DB) / TCP(dport=23)), "web-1", "db-1"),
        ("policy", bridged, "web-1", "tap"),
    ):
        ports.inject(WEB_PORT, frame)
        (sample,) = await samples(api, last, reason=reason, switch="leaf1")
        last = sample["number"]
        names = [sample[end]["key"] for end in ("source", "destination")]
        assert (sample["reason"], names) == (reason, [f"red/prod/{source}", f"red/prod/{destination}"])
    assert bytes.fromhex(sample["frame"]) == bridged
    assert await drops(api) == {"spoof": 1, "acl": 1, "policy": 1}
    assert 'p4vpc_samples_total{reason="policy",switch="leaf1"} 1.0' in (await api.get("/metrics")).text


async def test_what_is_no_longer_sampled_is_counted_only(
    ports: MemoryPorts, running: Controller, api: httpx.AsyncClient
) -> None:
    await realise(running, load_yaml("kind: fabric\ndrop_samples: {acl: 100/s}\n", "test"))
    ports.inject(WEB_PORT, bytes(Ether(src=WEB_MAC, dst=TAP_MAC) / IP(src=WEB, dst="10.0.1.14") / UDP()))
    ports.inject(WEB_PORT, to_gateway(IP(src=WEB, dst=DB) / TCP(dport=23)))
    (sample,) = await samples(api)
    assert sample["reason"] == "acl"
    assert await drops(api) == {"policy": 1, "acl": 1}


async def test_the_mirror_follows_its_port(ports: MemoryPorts, running: Controller) -> None:
    moved = next(document for document in INTENT.split("---") if "name: tap\nsubnet" in document)
    await realise(running, load_yaml(moved.replace("port: 14}", "port: 15, vlan: 7}"), "test"))
    ports.inject(WEB_PORT, to_gateway(IP(src=WEB, dst=DB) / UDP(dport=53)))
    await received(ports, DB_PORT)
    copy = await received(ports, 15)
    assert (copy[Dot1Q].vlan, copy[UDP].dport) == (7, 53)


async def test_mistakes_are_told_before_anything_changes(api: httpx.AsyncClient) -> None:
    response = await api.put("/v1/fabrics/fabric", json={"drop_samples": {"polcy": "1/s"}})
    (problem,) = response.json()["problems"]
    assert (response.status_code, problem["field"], problem["remedy"]) == (
        422,
        "drop_samples.polcy",
        "did you mean policy?",
    )
    for query, field in (("reason=polcy", "reason"), ("after=-1", "after"), ("switch=leaf9", "")):
        response = await api.get(f"/v1/drops/samples?{query}")
        assert response.status_code in (400, 404, 422)
        assert response.json()["problems"][0]["field"] == field


async def test_the_command_line_follows(ports: MemoryPorts, serve_process: ServeProcess) -> None:
    async with P4RuntimeServer("127.0.0.1:0", device_id=1, drivers=[ports]) as server:
        applied = await p4vpc(
            serve_process, "apply", "-f", "-", "--wait", text=INTENT.replace("ADDRESS", server.address)
        )
        assert "fabric fabric" in applied
        watching = asyncio.create_task(p4vpc(serve_process, "drops", "--watch", "--reason", "acl", "--count", "2"))
        for _ in range(2):
            ports.inject(WEB_PORT, to_gateway(IP(src=WEB, dst=DB) / TCP(sport=40000, dport=23)))
        lines = (await watching).splitlines()
        wanted = "leaf1:11 acl red/prod: web-1 -> db-1: tcp 10.0.1.11:40000 > 10.0.2.13:23 54 bytes"
        assert [line.partition(" ")[2] for line in lines] == [wanted] * 2
        told = await p4vpc(serve_process, "drops", "--watch", "--count", "1", "-o", "json", "--switch", "leaf1")
        assert json.loads(told)["number"] == 1


async def p4vpc(server: ServeProcess, *words: str, text: str = "") -> str:
    """What a command prints; it has to end well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from p4vpc.cli.main import main; main()", *words),
        env={**os.environ, "P4VPC_SERVER": server.url, "P4VPC_TOKEN_FILE": str(server.token_file)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(2 * BOUND_SECONDS):
        out, _ = await process.communicate(text.encode())
    assert process.returncode == 0, out.decode()
    return out.decode()
