# SPDX-License-Identifier: Apache-2.0
"""POST /v1/trace over a compiled world: what operators are told, what tenants are not, and what is refused."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from p4vpc.api import create_app
from p4vpc.api.first_token import create_first_token
from p4vpc.cli.serve import default_pipeline
from p4vpc.intent import Intent, to_document
from p4vpc.services import Controller, TenantLimits
from p4vpc.services.trace import TracerMissingError, plugin, service
from p4vpc.southbound import Pipeline
from p4vpc.store import Store
from p4vpc_tracer import SoftswitchTracer
from tests.pipeline.trace_world import objects

PIPELINE = Pipeline.load(default_pipeline())
TRACER = SoftswitchTracer()
WEB = "red/prod/web-1"
TCP_5432 = {"source": WEB, "destination": "db-1", "protocol": "tcp", "destination_port": 5432}
PING = {"source": WEB, "destination": "10.0.1.12"}
FABRIC = ("leaf", "spine", "10.255", "192.0.2", "vtep", "vxlan", "hypervisor", "link ", "tunnel", "blue", "vlan 100")


@dataclass(frozen=True, slots=True)
class World:
    controller: Controller
    operator: httpx.AsyncClient
    admin: httpx.AsyncClient
    viewer: httpx.AsyncClient


async def opened(store: Store, controller: Controller, intents: list[Intent]) -> World:
    app = create_app(controller, limits=TenantLimits(burst=10**6), find_tracer=lambda: TRACER)
    transport = httpx.ASGITransport(app)

    def client(secret: str | None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx.AsyncClient(transport=transport, base_url="http://p4vpc", headers=headers)

    operator = client(await create_first_token(controller.access, None))
    applied = await operator.post("/v1/apply", json=[to_document(it) for it in intents])
    assert applied.status_code == 200, applied.text
    clients = []
    for role in ("tenant-admin", "tenant-viewer"):
        made = await operator.post("/v1/tokens", json={"name": f"red-{role}", "role": role, "tenant": "red"})
        clients.append(client(made.json()["secret"]))
    return World(controller, operator, *clients)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    with Store("sqlite://") as store:
        async with Controller(store, PIPELINE) as controller:
            yield await opened(store, controller, objects())


async def traced(client: httpx.AsyncClient, **body: Any) -> Any:
    response = await client.post("/v1/trace", json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def refused(client: httpx.AsyncClient, status: int, **body: Any) -> list[str]:
    response = await client.post("/v1/trace", json=body)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return [f"{it['object']}: {it['field']}: {it['message']} ({it['remedy']})" for it in response.json()["problems"]]


async def test_an_operator_is_told_each_table_with_its_entry_and_whose_that_is(world: World) -> None:
    answer = await traced(world.operator, **TCP_5432)
    assert (answer["revision"], answer["is_realised"], answer["has_arrived"]) == (1, False, True)
    request = answer["request"]
    assert request["verdict"]["sentence"] == "delivered to port red/prod/db-1 (leaf3 port 11)"
    first, spine, last = request["hops"]
    assert [first["switch"], spine["switch"][:5], last["switch"]] == ["leaf1", "spine", "leaf3"]
    assert first["packet"].endswith("tcp 10.0.1.11:49152 > 10.0.2.21:5432 ttl 64")
    assert spine["packet"].startswith("vxlan vni ")
    assert "TunnelParser_parse_tcp" in first["parser_states"]
    lookups = {it["table"]: it for it in first["lookups"]}
    assert lookups["source_guard_v4"]["origins"] == [{"kind": "port", "key": WEB}]
    host = lookups["hosts_v4"]
    assert "dst_address=10.0.2.21" in host["key"]
    assert host["entry"].startswith("hosts_v4[")
    assert "set_remote_host(" in host["action"]
    assert "mac=02:00:00:00:01:05" in host["action"]
    assert host["origins"] == [{"kind": "port", "key": "red/prod/db-1"}]
    assert lookups["policy"]["origins"] == [{"kind": "security_group", "key": "red/prod/db"}]
    assert lookups["traps"]["entry"] is None
    assert not lookups["traps"]["is_hit"]
    onwards = next(it for it in first["outputs"] if it["end"] == "next")
    assert (onwards["hop"], onwards["link"]["kind"]) == (1, "link")
    egress = {it["table"]: it for it in onwards["lookups"]}
    assert egress["acl_egress_v4"]["origins"] == [{"kind": "network_acl", "key": "red/prod/edge"}]
    [delivery] = last["outputs"]
    assert (delivery["end"], delivery["receiver"]) == ("delivered", {"kind": "port", "key": "red/prod/db-1"})
    assert first["steps"] == delivery["steps"] == []
    detailed = (await traced(world.operator, **TCP_5432, detailed=True))["request"]["hops"][0]
    assert "condition hdr.vlan.isValid() false" in detailed["steps"]


async def test_a_tenant_is_told_the_same_without_the_fabric(world: World) -> None:
    told = await traced(world.operator, **TCP_5432, reply=True)
    for client in (world.admin, world.viewer):
        answer = await traced(client, **TCP_5432, reply=True)
        for part in ("request", "reply"):
            assert answer[part]["verdict"]["kind"] == told[part]["verdict"]["kind"]
            assert answer[part]["verdict"]["switch"] is None
            assert answer[part]["hops"] == []
        path = answer["request"]["path"]
        assert [it["text"] for it in path if it["stage"] == "fabric"] == ["is carried by the fabric"]
        assert path[0]["text"] == "port red/prod/web-1 sends it"
        kinds = {ref["kind"] for it in path for ref in it["objects"]}
        assert kinds <= {"port", "subnet", "security_group", "network_acl"}


async def test_no_answer_to_a_tenant_tells_of_the_fabric_or_of_another_tenant(world: World) -> None:
    names = ("web-1", "web-2", "quarantine-1", "db-1", "tagged-1", "vm-1", "tap-1", "unbound-1")
    addresses = ("10.0.1.1", "10.0.1.99", "10.0.1.255", "198.51.100.1", "fd01::1", "ff02::1")
    asked = 0
    for source in names:
        for destination in (*names, *addresses):
            for more in ({}, {"ttl": 1}, {"protocol": "tcp", "destination_port": 5433, "reply": True}):
                body = {"source": f"red/prod/{source}", "destination": destination, **more}
                response = await world.viewer.post("/v1/trace", json=body)
                assert response.status_code in (200, 422), response.text
                text = response.text.lower().replace("link_local", "")
                assert not [word for word in FABRIC if word in text], (body, text)
                asked += response.status_code == 200
    assert asked > 200


@pytest.mark.parametrize(
    "body",
    [
        {"source": "blue/prod/web-1", "destination": "10.0.1.12"},
        {"source": "blue/prod/nope", "destination": "10.0.1.12"},
        {"source": WEB, "destination": "blue/prod/web-1"},
        {"source": WEB, "destination": "blue/prod/nope"},
        {"source": WEB, "frame": "00" * 60},
        {"at": {"switch": "leaf1", "port": 11}, "frame": "00" * 60},
        {**PING, "realised": True},
        {**PING, "detailed": True},
    ],
)
async def test_a_tenant_asks_for_its_own_ports_only(world: World, body: dict[str, Any]) -> None:
    for client in (world.admin, world.viewer):
        problems = await refused(client, 403, **body)
        assert all("ask the operator" in problem for problem in problems)


async def test_what_exists_makes_no_difference_to_who_may_not_know(world: World) -> None:
    answers = [
        await refused(world.viewer, 403, source=f"blue/prod/{name}", destination="10.0.1.1")
        for name in ("web-1", "nope")
    ]
    assert answers[0][0].replace("web-1", "") == answers[1][0].replace("nope", "")


async def test_a_port_that_is_nowhere_sends_nothing(world: World) -> None:
    body = {"source": "red/prod/unbound-1", "destination": "web-1"}
    [told] = await refused(world.operator, 422, **body)
    assert told == "port red/prod/unbound-1: : is plugged in nowhere, so it sends nothing (an attachment)"
    [told] = await refused(world.viewer, 422, **body)
    assert told == ("port red/prod/unbound-1: : no packet of it gets into the fabric at the moment (ask the operator)")


async def test_a_fabric_that_does_not_carry_a_packet_is_the_operators_matter() -> None:
    kept = [it for it in objects() if it.kind != "link" and it.key != "red/prod/vm-1"]
    with Store("sqlite://") as store:
        async with Controller(store, PIPELINE) as controller:
            world = await opened(store, controller, kept)
            told = (await traced(world.operator, **PING))["request"]["verdict"]
            assert told["reason"] == "no_underlay_route"
            assert told["sentence"].startswith("dropped at leaf1: no_underlay_route")
            answer = (await traced(world.viewer, **PING))["request"]
            verdict = answer["verdict"]
            assert (verdict["kind"], verdict["reason"]) == ("dropped", "fabric")
            assert verdict["sentence"] == "dropped: the fabric does not carry it at the moment"
            assert "underlay" not in json.dumps(answer)


async def test_a_trace_is_of_what_was_committed_before_it(world: World) -> None:
    blocked = {**TCP_5432, "destination_port": 22}
    assert (await traced(world.operator, **blocked))["request"]["verdict"]["reason"] == "policy"
    rules = [{"direction": "ingress", "protocol": "tcp", "ports": "22", "peer": {"group": "web"}}]
    for revision, is_open in ((2, True), (3, False)):
        body = {"rules": rules if is_open else []}
        assert (await world.admin.patch("/v1/security-groups/red/prod/db", json=body)).status_code == 200
        answer = await traced(world.admin, **blocked)
        assert (answer["revision"], answer["has_arrived"]) == (revision, is_open)


async def test_what_switches_hold_is_not_known_while_they_are_away(world: World) -> None:
    [problem] = await refused(world.operator, 409, **PING, realised=True)
    assert problem.startswith("switch leaf1: : what it holds is not known to this controller at the moment")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "trace: source: it is not said who sends what"),
        ({"source": WEB}, "trace: destination: is missing"),
        ({"source": "web-1", "destination": "x"}, "port: : 'web-1' is not the key of a port"),
        ({**PING, "ttl": 256}, "trace: ttl: Input should be less than or equal to 255"),
        ({**PING, "dport": 80}, "trace: dport: Extra inputs are not permitted"),
        ({**PING, "source_mac": "nope"}, "trace: source_mac: 'nope' is none"),
        ({**PING, "source_address": "nope"}, "trace: source_address: 'nope' is none"),
        ({"source": WEB, "frame": "0g"}, "trace: frame: '0g' is none"),
        ({"source": WEB, "frame": "00"}, "trace: frame: '00' is none"),
        ({"source": WEB, "frame": "00" * 14, "at": {"switch": "leaf1", "port": 1}}, "trace: at: a frame enters at one"),
        ({"at": {"switch": "leaf1", "port": 1}}, "trace: source: it is not said who sends what"),
        ({**PING, "destination": "nope/prod/web-1"}, "trace: destination: nope/prod/web-1 is not in vpc red/prod"),
        ({**PING, "destination": "x" * 201}, "trace: destination: String should have at most 200 characters"),
    ],
)
async def test_bad_questions_are_problems_with_a_remedy(world: World, body: dict[str, Any], problem: str) -> None:
    found = await refused(world.operator, 422, **body)
    assert found[0].startswith(problem)
    assert not found[0].endswith("()")


async def test_unknown_names_are_not_found(world: World) -> None:
    for body in (
        {"source": "red/prod/nope", "destination": "web-1"},
        {"source": WEB, "destination": "nope"},
        {"at": {"switch": "leaf9", "port": 1}, "frame": "00" * 14},
    ):
        await refused(world.operator, 404, **body)


async def test_bodies_that_are_none(world: World) -> None:
    response = await world.operator.post("/v1/trace", content=b"{}", headers={"Content-Type": "text/plain"})
    assert response.status_code == 415
    response = await world.operator.post("/v1/trace", json=[])
    assert response.status_code == 400


async def test_too_many_questions_wait_for_another_second(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_WAITING_OF_A_TENANT", 0)
    response = await world.viewer.post("/v1/trace", json=PING)
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
    await traced(world.operator, **PING)


async def test_without_a_tracer_the_answer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "entry_points", lambda group: [])
    with pytest.raises(TracerMissingError):
        plugin.find_tracer()
    with Store("sqlite://") as store:
        async with Controller(store, PIPELINE) as controller:
            transport = httpx.ASGITransport(create_app(controller))
            headers = {"Authorization": f"Bearer {await create_first_token(controller.access, None)}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://p4vpc", headers=headers) as client:
                [problem] = await refused(client, 501, **PING)
    assert "no tracer is installed beside this controller" in problem
    assert "install p4vpc as a whole, with p4vpc_tracer and softswitch" in problem


def test_a_tracer_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        name, value = "broken", "nowhere:Tracer"

        def load(self) -> Any:
            raise ModuleNotFoundError("No module named 'nowhere'")

    monkeypatch.setattr(plugin, "entry_points", lambda group: [Broken()])
    with pytest.raises(TracerMissingError, match="the tracer nowhere:Tracer cannot be imported"):
        plugin.find_tracer()
