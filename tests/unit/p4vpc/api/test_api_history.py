# SPDX-License-Identifier: Apache-2.0
"""The audit log and the feed of changes. Streams are read from a server, as a transport in memory does not stream."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn

from p4vpc.api import create_app, history, schemas
from p4vpc.api.first_token import create_first_token
from p4vpc.client import models
from p4vpc.client.events import Event, EventReader
from p4vpc.intent import Tenant
from p4vpc.services import Controller
from p4vpc.store import Put, Store
from tests.unit.p4vpc.api.test_api import PIPELINE, RED, problems_of
from tests.unit.p4vpc.api.test_api_access import BLUE, PLACE, PORT, SWITCH

OTHER_PLACE = {**PLACE, "port": 12}


@dataclass(slots=True)
class World:
    store: Store
    app: Any
    operator: httpx.AsyncClient
    admin: httpx.AsyncClient

    def end_streams(self) -> None:
        self.app.state.closing.set()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    with Store("sqlite://") as store:
        async with Controller(store, PIPELINE, feed_interval=0.05) as controller:
            app = create_app(controller)
            listener = socket.create_server(("127.0.0.1", 0))
            server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=5))
            serving = asyncio.create_task(server._serve([listener]))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            secret = await create_first_token(controller.access, None)
            async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {secret}"}) as operator:
                plugged = [{**it, "attachment": PLACE} if it["kind"] == "port" else it for it in RED]
                assert (await operator.post("/v1/apply", json=[SWITCH, *plugged])).status_code == 200
                body = {"name": "red-admin", "role": "tenant-admin", "tenant": "red"}
                secret = (await operator.post("/v1/tokens", json=body)).json()["secret"]
                async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {secret}"}) as admin:
                    yield World(store, app, operator, admin)
                    app.state.closing.set()
            server.should_exit = True
            await serving


@asynccontextmanager
async def watching(
    client: httpx.AsyncClient, query: str = "", headers: dict[str, str] | None = None
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The events of a stream, which has begun."""
    async with client.stream("GET", f"/v1/watch{query}", headers=headers, timeout=60) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.aiter_lines()
        assert await anext(lines) == ": watching"
        yield events(lines)


def read_events(lines: list[str]) -> list[Event]:
    reader = EventReader()
    return [event for line in lines if (event := reader.read(line)) is not None]


async def events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    block: list[str] = []
    async for line in lines:
        if line:
            block.append(line)
            continue
        for event in read_events([*block, ""]):
            data = json.loads(event.data)
            assert event.id == str(data["revision"])
            yield data
        block = []


def names(event: dict[str, Any]) -> list[str]:
    return [f"{change['operation']} {change['kind']} {change['key']}" for change in event["changes"]]


async def test_commits_are_told_as_they_are_made(world: World) -> None:
    async with watching(world.operator) as stream:
        await world.operator.put("/v1/tenants/blue", json={})
        event = await anext(stream)
        assert (event["revision"], names(event)) == (2, ["create tenant blue"])
        await world.operator.put("/v1/tenants/blue", json={"description": "b"})
        event = await anext(stream)
        (change,) = event["changes"]
        assert (change["before"].get("description"), change["after"]["description"]) == (None, "b")
        await world.operator.delete("/v1/tenants/blue")
        assert names(await anext(stream)) == ["delete tenant blue"]


async def test_a_commit_of_another_process_is_told_too(world: World) -> None:
    async with watching(world.operator) as stream:
        await asyncio.to_thread(world.store.commit, [Put(Tenant(name="green"))], "another")
        assert names(await anext(stream)) == ["create tenant green"]


async def test_who_was_cut_off_misses_nothing(world: World) -> None:
    for number in range(5):
        await world.operator.put(f"/v1/tenants/t{number}", json={})
    async with watching(world.operator, "?since=0", {"Last-Event-ID": "3"}) as stream:
        assert [(await anext(stream))["revision"] for _ in range(3)] == [4, 5, 6]
    async with watching(world.operator, "?since=1") as stream:
        assert [(await anext(stream))["revision"] for _ in range(5)] == [2, 3, 4, 5, 6]
    async with watching(world.operator, "?since=0") as stream:
        assert len((await anext(stream))["changes"]) == 6


async def test_what_is_watched_can_be_narrowed(world: World) -> None:
    await world.operator.post("/v1/apply", json=BLUE)
    for query, expected in (
        ("?since=1&kind=vpc", ["create vpc blue/prod"]),
        ("?since=1&kind=vpc&kind=tenant", ["create tenant blue", "create vpc blue/prod"]),
        ("?since=0&tenant=blue&kind=port", ["create port blue/prod/a"]),
        ("?since=0&vpc=prod&kind=vpc", ["create vpc red/prod"]),
    ):
        async with watching(world.operator, query) as stream:
            assert names(await anext(stream)) == expected


async def test_a_tenant_is_told_of_its_own_and_not_where_it_is(world: World) -> None:
    await world.operator.post("/v1/apply", json=BLUE)
    await world.operator.put(PORT, json={**RED[-1], "attachment": OTHER_PLACE})
    await world.operator.put(PORT, json={**RED[-1], "attachment": PLACE, "addresses": ["10.0.1.9"]})
    async with watching(world.admin, "?since=0") as stream:
        first, second = await anext(stream), await anext(stream)
    assert (first["revision"], second["revision"]) == (1, 4)
    text = json.dumps([first, second])
    assert not any(leak in text for leak in ("leaf1", "blue", "attachment", "switch"))
    assert names(second) == ["update port red/prod/a"]


async def test_a_stream_ends_with_its_token(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEEP_ALIVE_SECONDS", 0.05)
    async with watching(world.admin) as stream:
        await world.operator.delete("/v1/tokens/red-admin")
        assert [event async for event in stream] == []


async def test_streams_end_when_the_server_does(world: World) -> None:
    async with watching(world.operator) as stream:
        world.end_streams()
        assert [event async for event in stream] == []


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?since=99", {}, 400),
        ("?since=-1", {}, 422),
        ("?since=99999999999999999999", {}, 422),
        ("?kind=nonsense", {}, 400),
        ("", {"Last-Event-ID": "x"}, 400),
        ("", {"Last-Event-ID": "99"}, 400),
        ("", {"Last-Event-ID": "9" * 30}, 400),
    ],
)
async def test_bad_watches_are_problems(world: World, query: str, headers: dict[str, str], status: int) -> None:
    assert problems_of(await world.operator.get(f"/v1/watch{query}", headers=headers), status)
    problems_of(await world.admin.get("/v1/watch?tenant=blue"), 403)


def test_events_are_read_as_they_come_and_not_in_halves() -> None:
    lines = [": comment", "", "id: 3", "event: commit", "data: a", "data:b", "", "id: 4", "data: c"]
    assert read_events(lines) == [Event("3", "a\nb")]


async def test_the_audit_log_tells_who_what_and_when(world: World) -> None:
    await world.admin.put(PORT, json={**RED[-1], "addresses": ["10.0.1.9"]})
    await world.operator.post("/v1/apply", json=BLUE)
    found = (await world.operator.get("/v1/audit")).json()
    assert [(item["revision"], item["who"], len(item["changes"])) for item in found["items"]] == [
        (3, "operator", 5),
        (2, "red-admin", 1),
        (1, "operator", 1),
        (1, "operator", 6),
        (0, "p4vpc", 1),
    ]
    assert [item["summary"] for item in found["items"] if item["changes"][0]["kind"] == "token"] == [
        "create token red-admin",
        "create token operator",
    ]
    assert found["next"] is None
    assert found["items"][1]["summary"] == "update port red/prod/a"
    (change,) = found["items"][1]["changes"]
    assert (change["before"]["addresses"], change["after"]["addresses"]) == (["10.0.1.5"], ["10.0.1.9"])


async def test_the_audit_log_is_filtered(world: World) -> None:
    await world.admin.put(PORT, json={**RED[-1], "addresses": ["10.0.1.9"]})
    await world.operator.post("/v1/apply", json=BLUE)
    [second] = (await world.operator.get("/v1/audit?who=red-admin")).json()["items"]
    for query, expected in (
        ("kind=port", [(3, 1), (2, 1), (1, 1)]),
        ("kind=port&key=red/prod/a", [(2, 1), (1, 1)]),
        ("tenant=blue", [(3, 5)]),
        ("tenant=red&kind=tenant", [(1, 1)]),
        ("tenant=red&kind=token", [(1, 1)]),
        ("kind=token", [(1, 1), (0, 1)]),
        ("kind=token&key=operator", [(0, 1)]),
        ("tenant=nobody", []),
        ("who=nobody", []),
    ):
        items = (await world.operator.get(f"/v1/audit?{query}")).json()["items"]
        assert [(item["revision"], len(item["changes"])) for item in items] == expected, query
    for params, expected in (({"since": second["time"]}, [3, 2]), ({"until": second["time"]}, [1, 1, 0])):
        items = (await world.operator.get("/v1/audit", params=params)).json()["items"]
        assert [item["revision"] for item in items] == expected


async def test_the_audit_log_comes_in_pages(world: World) -> None:
    for number in range(6):
        await world.operator.put(f"/v1/tenants/t{number}", json={})
    seen, params = [], {"limit": "3"}
    for _ in range(10):
        page = (await world.operator.get("/v1/audit", params=params)).json()
        seen += [item["revision"] for item in page["items"]]
        await world.operator.put("/v1/tenants/t0", json={"description": str(len(seen))})  # pages stay as they are
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == [7, 6, 5, 4, 3, 2, 1, 1, 0]


async def test_the_audit_log_tells_who_made_and_who_ended_tokens(world: World) -> None:
    for number in range(3):
        await world.operator.post("/v1/tokens", json={"name": f"more-{number}", "role": "operator"})
    await world.operator.put("/v1/tenants/t0", json={})
    for _ in range(2):  # the second time is no mistake, and nothing happens
        assert (await world.operator.delete("/v1/tokens/more-1")).status_code == 200
    seen: list[tuple[int, str, str]] = []
    params = {"limit": "2"}
    while True:
        page = (await world.operator.get("/v1/audit", params=params)).json()
        assert len(page["items"]) <= 2
        for item in page["items"]:
            change = item["changes"][0]
            seen.append((item["revision"], change["operation"], change["key"] if change["kind"] == "token" else ""))
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == [
        (2, "delete", "more-1"),
        (2, "create", ""),
        (1, "create", "more-2"),
        (1, "create", "more-1"),
        (1, "create", "more-0"),
        (1, "create", "red-admin"),
        (1, "create", ""),
        (0, "create", "operator"),
    ]
    [ended] = (await world.operator.get("/v1/audit?kind=token&key=more-1&limit=1")).json()["items"]
    before = {"kind": "token", "name": "more-1", "role": "operator"}
    assert (ended["changes"][0]["before"], ended["changes"][0]["after"]) == (before, None)
    assert (await world.admin.get("/v1/audit?kind=token")).json()["items"] == []
    assert "p4vpc_" not in json.dumps((await world.operator.get("/v1/audit")).json())


async def test_tokens_that_end_with_their_tenant_are_told(world: World) -> None:
    for path in ("ports/red/prod/a", "security-groups/red/prod/open", "subnets/red/prod/web", "vpcs/red/prod"):
        assert (await world.operator.delete(f"/v1/{path}")).status_code == 200
    await world.operator.delete("/v1/tenants/red")
    newest = (await world.operator.get("/v1/audit?limit=1")).json()["items"][0]
    assert (newest["who"], newest["summary"]) == ("operator", "revoke token red-admin")


async def test_a_tenant_sees_its_own_part_of_the_audit_log(world: World) -> None:
    await world.operator.put(PORT, json={**RED[-1], "attachment": OTHER_PLACE})
    await world.admin.put(PORT, json={**RED[-1], "addresses": ["10.0.1.9"]})
    await world.operator.post("/v1/apply", json=BLUE)
    items = (await world.admin.get("/v1/audit")).json()["items"]
    assert [(item["revision"], item["who"]) for item in items] == [(3, "red-admin"), (1, "operator")]
    assert not any(leak in json.dumps(items) for leak in ("leaf1", "blue", "attachment", "switch"))
    problems_of(await world.admin.get("/v1/audit?tenant=blue"), 403)


async def test_a_tenant_is_told_nothing_of_an_earlier_one_of_its_name(world: World) -> None:
    for path in ("ports/red/prod/a", "security-groups/red/prod/open", "subnets/red/prod/web", "vpcs/red/prod"):
        await world.operator.delete(f"/v1/{path}")
    await world.operator.delete("/v1/tenants/red")
    await world.operator.put("/v1/tenants/red", json={})
    await world.operator.put("/v1/vpcs/red/prod", json={})
    body = {"name": "new-red", "role": "tenant-admin", "tenant": "red"}
    secret = (await world.operator.post("/v1/tokens", json=body)).json()["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=world.operator.base_url, headers=headers) as new:
        items = (await new.get("/v1/audit")).json()["items"]
        assert [item["revision"] for item in items] == [8, 7]
        async with watching(new, "?since=0") as stream:
            assert names(await anext(stream)) == ["create tenant red"]
        assert (await new.get("/v1/vpcs/red/prod/snapshot?revision=8")).status_code == 200
        for method, path in (("GET", "snapshot?revision=1"), ("POST", "rollback?revision=1")):
            problems_of(await new.request(method, f"/v1/vpcs/red/prod/{path}"), 404)
    assert (await world.operator.get("/v1/vpcs/red/prod/snapshot?revision=1")).json()["objects"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 422),
        ("limit=1001", 422),
        ("cursor=!!", 400),
        ("cursor=YQ", 400),
        ("cursor=", 400),
        ("since=yesterday", 422),
        ("since=2030-01-31T12:00:00", 422),
        ("who=%00", 422),
    ],
)
async def test_bad_questions_about_the_past(world: World, query: str, status: int) -> None:
    assert problems_of(await world.operator.get(f"/v1/audit?{query}"), status)


def test_the_client_knows_every_field() -> None:
    for name, known in (
        ("AuditItem", models.AuditItem),
        ("AuditModel", models.Audit),
        ("CommitEvent", models.CommitEvent),
    ):
        assert getattr(schemas, name).model_fields.keys() == known.model_fields.keys()
