# SPDX-License-Identifier: Apache-2.0
"""Who may do what: every route, every role, and what tenants are not told."""

import json
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from p4vpc.api import create_app
from p4vpc.api.first_token import TokenFileError, create_first_token
from p4vpc.intent import KINDS
from p4vpc.services import Controller, TenantLimits
from p4vpc.store import Store
from tests.unit.p4vpc.api.test_api import PIPELINE, RED, problems_of

SWITCH = {"kind": "switch", "name": "leaf1", "role": "leaf", "vtep": "10.255.0.1", "p4runtime": "127.0.0.1:1"}
PLACE = {"switch": "leaf1", "port": 11}
BLUE = [{**document, **({"name": "blue"} if document["kind"] == "tenant" else {"tenant": "blue"})} for document in RED]
PORT = "/v1/ports/red/prod/a"
OPEN_PATHS = {"/healthz", "/readyz", "/v1/openapi.json"}
FABRIC_KINDS = {"fabric", "switch", "link", "vtep"}


@dataclass(frozen=True, slots=True)
class World:
    """Two tenants that have the same, one with its port plugged in, and whoever may ask."""

    app: Any
    operator: httpx.AsyncClient
    admin: httpx.AsyncClient
    viewer: httpx.AsyncClient
    stranger: httpx.AsyncClient


@pytest.fixture
async def world() -> AsyncIterator[World]:
    with Store("sqlite://") as store:
        async with Controller(store, PIPELINE) as controller:
            app = create_app(controller, limits=TenantLimits(burst=10**6))
            transport = httpx.ASGITransport(app)

            def client(secret: str | None) -> httpx.AsyncClient:
                headers = {"Authorization": f"Bearer {secret}"} if secret else {}
                return httpx.AsyncClient(transport=transport, base_url="http://p4vpc", headers=headers)

            operator = client(await create_first_token(controller.access, None))
            plugged = [{**it, "attachment": PLACE} if it["kind"] == "port" else it for it in RED]
            assert (await operator.post("/v1/apply", json=[SWITCH, *plugged, *BLUE])).status_code == 200
            clients = [operator]
            for role in ("tenant-admin", "tenant-viewer"):
                made = await operator.post("/v1/tokens", json={"name": f"red-{role}", "role": role, "tenant": "red"})
                assert made.status_code == 201, made.text
                clients.append(client(made.json()["secret"]))
            yield World(app, *clients, client("p4vpc_nobody"))


def routes(app: Any) -> list[tuple[str, str]]:
    """Every method and path of the application, names filled in with those of the other tenant."""
    values = {"tenant": "blue", "vpc": "prod", "name": "a"}
    return [(method.upper(), path.format(**values)) for path, item in app.openapi()["paths"].items() for method in item]


async def test_nothing_but_health_and_the_description_answers_strangers(world: World) -> None:
    known = routes(world.app)
    assert len(known) > 40
    nobody = httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="http://p4vpc")
    for method, path in known:
        if path in OPEN_PATHS:
            continue
        for client in (nobody, world.stranger):
            response = await client.request(method, path, content=b"[]", headers={"Content-Type": "application/json"})
            assert len(problems_of(response, 401)) == 1, (method, path)
            assert response.headers["www-authenticate"] == "Bearer"
    for path in OPEN_PATHS:
        assert (await nobody.get(path)).status_code in (200, 503)


@pytest.mark.parametrize("value", ["Basic b3A6b3A=", "Bearer", "Bearer ", "Bearer \xff", "p4vpc_x"])
async def test_odd_credentials_are_401(world: World, value: str) -> None:
    response = await world.operator.get("/v1/tenants", headers={"Authorization": value.encode("latin-1")})
    problems_of(response, 401)


async def test_a_tenant_gets_nothing_of_others_by_any_route(world: World) -> None:
    """No answer to a tenant names the fabric, another tenant, or where its own ports are."""
    leaks = ("blue", "leaf1", "10.255", "attachment", '"port":11')
    bodies = [BLUE[-1], {"kind": "tenant", "key": "blue"}, {}]
    for client in (world.admin, world.viewer):
        for method, path in routes(world.app):
            if path in OPEN_PATHS or path == "/v1/watch":
                continue
            for body in bodies:
                response = await client.request(method, path, json=body if method in ("PUT", "PATCH") else [body])
                text = response.text.replace(str(response.request.url.path), "")
                if response.status_code < 300:
                    assert not any(leak in text for leak in leaks), (method, path, text)
                else:
                    assert response.status_code in (400, 403, 415, 422), (method, path, text)
                    assert "leaf1" not in text, (method, path, text)
                    assert "10.255" not in text, (method, path, text)
    assert (await world.operator.get("/v1/status")).json()["revision"] == 1


async def test_whether_it_exists_makes_no_difference_to_what_a_tenant_is_told(world: World) -> None:
    for method in ("GET", "DELETE", "PUT"):
        answers = []
        for name in ("a", "z"):
            path = f"/v1/ports/blue/prod/{name}"
            response = await world.admin.request(method, path, json={} if method == "PUT" else None)
            answers.append(json.dumps(problems_of(response, 403)).replace(f"prod/{name}", ""))
        assert answers[0] == answers[1]
    remedies = [item["remedy"] for item in (await world.admin.get("/v1/ports/red/prod/b")).json()["problems"]]
    assert remedies == ["did you mean red/prod/a?"]


async def test_references_do_not_tell_a_tenant_what_exists(world: World) -> None:
    """An object that could not be read says what it refers to; for others' objects that is not looked up."""
    references = [{"field": "attachment.switch", "kind": "switch", "key": name} for name in ("leaf1", "leaf2")] + [
        {"field": "subnet", "kind": "subnet", "key": "blue/prod/nope"}
    ]
    broken = {"kind": "port", "key": "red/prod/x", "references": references}
    body = {"objects": [], "malformed": [broken]}
    assert (await world.admin.post("/v1/apply", json=body)).json()["changes"] == []
    assert len(problems_of(await world.operator.post("/v1/apply", json=body), 422)) == 2


async def test_lists_have_only_what_is_ones_own(world: World) -> None:
    for kind, model in KINDS.items():
        response = await world.viewer.get(f"/v1/{model.collection}")
        if kind in FABRIC_KINDS:
            problems_of(response, 403)
        else:
            assert {item.get("tenant", item["name"]) for item in response.json()["items"]} <= {"red"}
    assert len((await world.operator.get("/v1/ports")).json()["items"]) == 2


async def test_an_admin_changes_its_objects_and_the_port_stays_plugged_in(world: World) -> None:
    shown = (await world.admin.get(PORT)).json()
    assert shown == RED[-1]
    result = (await world.admin.put(PORT, json={**shown, "addresses": ["10.0.1.6"]})).json()
    assert [change["after"]["addresses"] for change in result["changes"]] == [["10.0.1.6"]]
    assert "leaf1" not in json.dumps(result)
    kept = (await world.operator.get(PORT)).json()
    assert (kept["attachment"], kept["addresses"]) == (PLACE, ["10.0.1.6"])
    assert (await world.admin.put("/v1/tenants/red", json={"description": "ours"})).status_code == 200
    assert (await world.admin.put("/v1/vpcs/red/test", json={})).status_code == 201
    assert (await world.admin.post("/v1/delete", json=[{"kind": "vpc", "key": "red/test"}])).status_code == 200


@pytest.mark.parametrize("place", [{"attachment": PLACE}, {"attachment": None}, {"candidates": []}])
async def test_an_admin_does_not_say_where_a_port_is(world: World, place: dict[str, object]) -> None:
    field = next(iter(place))
    for request in (
        world.admin.put(PORT, json={**RED[-1], **place}),
        world.admin.post("/v1/apply", json=[{**RED[-1], **place}]),
    ):
        assert problems_of(await request, 403) == [
            f"port red/prod/a: {field}: where a port is plugged in is decided by the operator"
        ]


async def test_an_admin_neither_makes_nor_ends_a_tenant(world: World) -> None:
    problems_of(await world.admin.delete("/v1/tenants/red"), 403)
    problems_of(await world.admin.put("/v1/tenants/green", json={}), 403)
    mixed = await world.admin.post("/v1/apply", json=[{**RED[1], "description": "x"}, BLUE[1], SWITCH])
    assert len(problems_of(mixed, 403)) == 2
    assert "description" not in (await world.operator.get("/v1/vpcs/red/prod")).json()


async def test_a_viewer_changes_nothing_but_may_ask_what_would_change(world: World) -> None:
    problems_of(await world.viewer.put("/v1/vpcs/red/test", json={}), 403)
    problems_of(await world.viewer.delete(PORT), 403)
    problems_of(await world.viewer.post("/v1/apply", json=RED), 403)
    assert (await world.viewer.post("/v1/diff", json=RED)).json()["changes"] == []


async def test_a_tenant_is_not_told_what_is_wrong_with_others(world: World) -> None:
    assert (await world.operator.put("/v1/fabrics/fabric", json={"tenant_mtu": 1000})).status_code == 201
    small = {**RED[2], "name": "six", "ipv6": "fd00::/64"}
    problems = problems_of(await world.admin.post("/v1/apply", json=[small]), 422)
    assert not any("fabric" in problem for problem in problems)
    assert ": : does not go together with what the operator has set" in problems


async def test_a_conflict_does_not_tell_a_tenant_where_its_ports_are(world: World) -> None:
    """A mirror has one port at each leaf, so who may make mirrors could find out which ports share one."""
    second = {**RED[-1], "name": "c", "mac": "02:00:00:00:00:03", "addresses": ["10.0.1.8"]}
    await world.operator.post("/v1/apply", json=[{**second, "attachment": {**PLACE, "port": 13}}])
    mirror = {"kind": "mirror", "tenant": "red", "vpc": "prod", "name": "tap", "ports": ["a", "c"]}
    refused = await world.admin.post("/v1/apply", json=[mirror])
    problems = problems_of(refused, 422)
    assert {problem.partition(": ")[0] for problem in problems} == {"mirror red/prod/tap"}
    assert "leaf1" not in refused.text
    assert "leaf1" in (await world.operator.post("/v1/apply", json=[mirror])).text


async def test_status_tells_a_tenant_revisions_only(world: World) -> None:
    status = (await world.viewer.get("/v1/status")).json()
    assert (status["revision"], status["switches"]) == (1, [])
    for path in ("drops", "counters", "identifiers", "tokens"):
        problems_of(await world.admin.get(f"/v1/{path}"), 403)
    problems_of(await world.admin.get("/metrics"), 403)


async def test_the_audit_log_names_the_token(world: World) -> None:
    await world.admin.put("/v1/vpcs/red/test", json={})
    assert world.app.state.access._store.revisions(1)[0].who == "red-tenant-admin"


async def test_a_revoked_token_is_refused_at_once(world: World) -> None:
    assert (await world.viewer.get("/v1/vpcs")).status_code == 200
    gone = await world.operator.delete("/v1/tokens/red-tenant-viewer")
    assert (gone.status_code, gone.json()["revoked_by"]) == (200, "operator")
    problems_of(await world.viewer.get("/v1/vpcs"), 401)
    assert (await world.operator.delete("/v1/tokens/red-tenant-viewer")).json() == gone.json()
    again = await world.operator.post("/v1/tokens", json={"name": "red-tenant-viewer", "role": "operator"})
    problems_of(again, 409)


async def test_tokens_end_with_their_tenant(world: World) -> None:
    red = [{"kind": document["kind"], "key": key} for document, key in zip(RED, KEYS, strict=True)]
    assert (await world.operator.post("/v1/delete", json=red)).status_code == 200
    assert (await world.operator.post("/v1/apply", json=RED)).status_code == 200
    problems_of(await world.admin.get("/v1/vpcs"), 401)
    problems_of(await world.viewer.get("/v1/vpcs"), 401)


KEYS = ("red", "red/prod", "red/prod/web", "red/prod/open", "red/prod/a")


async def test_the_last_operator_token_stays(world: World) -> None:
    problems_of(await world.operator.delete("/v1/tokens/operator"), 409)
    assert (await world.operator.post("/v1/tokens", json={"name": "second", "role": "operator"})).status_code == 201
    assert (await world.operator.delete("/v1/tokens/operator")).status_code == 200
    problems_of(await world.operator.get("/v1/tenants"), 401)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x", "role": "operator", "tenant": "red"}, 422),
        ({"name": "x", "role": "tenant-admin"}, 422),
        ({"name": "x", "role": "tenant-admin", "tenant": "nope"}, 404),
        ({"name": "Not A Name", "role": "operator"}, 422),
        ({"name": "announcement", "role": "operator"}, 422),
        ({"name": "operator", "role": "operator"}, 409),
        ({"name": "x", "role": "king"}, 422),
        ({"name": "x", "role": "operator", "else": 1}, 422),
        ({"name": 1, "role": "operator"}, 422),
        ({}, 422),
    ],
)
async def test_tokens_that_make_no_sense(world: World, body: dict[str, object], status: int) -> None:
    assert problems_of(await world.operator.post("/v1/tokens", json=body), status)
    problems_of(await world.operator.delete("/v1/tokens/nobody"), 404)


async def test_secrets_are_told_once_and_kept_nowhere(world: World, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'p4vpc.db'}"
    file = tmp_path / "p4vpc.token"
    with Store(url) as store:
        async with Controller(store, PIPELINE) as controller:
            secret = await create_first_token(controller.access, file)
            assert secret is not None
            assert file.read_text() == f"{secret}\n"
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert await create_first_token(controller.access, file) is None
            principal = await controller.access.authenticate(secret)
            assert principal is not None
            assert principal.is_operator
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path != file)
    assert secret.encode() not in everything
    assert secret not in (await world.operator.get("/v1/tokens")).text


async def test_a_first_token_that_cannot_be_written_is_not_made(tmp_path: Path) -> None:
    with Store("sqlite://") as store:
        async with Controller(store, PIPELINE) as controller:
            with pytest.raises(TokenFileError):
                await create_first_token(controller.access, tmp_path / "nowhere" / "p4vpc.token")
            assert not await controller.access.has_tokens()
