# SPDX-License-Identifier: Apache-2.0
"""Whole VPCs as they were: shown, rolled back to, cloned; by operators, and by tenants, who decide no places."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.services.access import digest_of
from p4vpc.store import Delete, Put, Role, Store
from tests.unit.p4vpc.api.test_api import RED, problems_of, serving
from tests.unit.p4vpc.model.histories import BASE, Edit, edits

VPC = "/v1/vpcs/red/prod"
LEAF = {"kind": "switch", "name": "leaf1", "role": "leaf", "vtep": "10.255.0.1", "p4runtime": "127.0.0.1:1"}
PLACE = {"switch": "leaf1", "port": 11}
SECRET = "p4vpc_of-red"


@pytest.fixture
async def world() -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """An operator and an administrator of red, whose port is plugged in; revision 1."""
    with Store("sqlite://") as store:
        async with serving(store) as operator:
            plugged = [{**it, "attachment": PLACE} if it["kind"] == "port" else it for it in RED]
            assert (await operator.post("/v1/apply", json=[LEAF, *plugged])).status_code == 200
            store.add_token("red-admin", digest_of(SECRET), role=Role.TENANT_ADMIN, tenant="red", who="test")
            headers = {"Authorization": f"Bearer {SECRET}"}
            transport = operator._transport
            async with httpx.AsyncClient(transport=transport, base_url="http://p4vpc", headers=headers) as admin:
                yield operator, admin


async def objects_of(client: httpx.AsyncClient, vpc: str = VPC, query: str = "") -> dict[str, Any]:
    response = await client.get(f"{vpc}/snapshot{query}")
    assert response.status_code == 200, response.text
    return {f"{it['kind']} {it['name']}": it for it in response.json()["objects"]}


async def change_everything(client: httpx.AsyncClient) -> None:
    """A port more, a group changed, a subnet more; and the first port gone."""
    more = [
        {"kind": "subnet", "tenant": "red", "vpc": "prod", "name": "db", "ipv4": "10.0.2.0/24"},
        {"kind": "port", "tenant": "red", "vpc": "prod", "name": "b", "subnet": "db"},
        {**RED[3], "rules": [{"direction": "ingress", "protocol": "any", "peer": {"group": "open"}}]},
    ]
    assert (await client.post("/v1/apply", json=more)).status_code == 200
    assert (await client.delete("/v1/ports/red/prod/a")).status_code == 200


async def test_a_vpc_goes_back_to_what_it_was_and_forth_again(
    world: tuple[httpx.AsyncClient, httpx.AsyncClient],
) -> None:
    operator, _ = world
    first = await objects_of(operator)
    await change_everything(operator)
    changed = await objects_of(operator)
    assert changed.keys() == {"vpc prod", "subnet web", "subnet db", "security_group open", "port b"}
    assert await objects_of(operator, query="?revision=1") == first
    planned = (await operator.post(f"{VPC}/rollback?revision=1&dry_run=true")).json()
    assert [(it["operation"], it["kind"], it["key"]) for it in planned["changes"]] == [
        ("create", "port", "red/prod/a"),
        ("delete", "port", "red/prod/b"),
        ("update", "security_group", "red/prod/open"),
        ("delete", "subnet", "red/prod/db"),
    ]
    assert await objects_of(operator) == changed
    assert (await operator.post(f"{VPC}/rollback?revision=1")).json()["revision"] == 4
    assert await objects_of(operator) == first
    assert (await operator.post(f"{VPC}/rollback?revision=3")).status_code == 200
    assert await objects_of(operator) == changed
    again = (await operator.post(f"{VPC}/rollback?revision=3")).json()
    assert (again["revision"], again["changes"]) == (5, [])


async def test_a_tenant_takes_its_own_back_without_places(world: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    operator, admin = world
    assert "attachment" not in (await objects_of(admin))["port a"]
    await admin.patch("/v1/ports/red/prod/a", json={"security_groups": []}, headers=PATCH)
    assert (await admin.post(f"{VPC}/rollback?revision=1")).status_code == 200
    port = (await operator.get("/v1/ports/red/prod/a")).json()
    assert (port["security_groups"], port["attachment"]) == (["open"], PLACE)
    assert (await admin.delete("/v1/ports/red/prod/a")).status_code == 200
    assert (await admin.post(f"{VPC}/rollback?revision=1")).status_code == 200
    assert "attachment" not in (await operator.get("/v1/ports/red/prod/a")).json()
    for method, path in (("GET", "snapshot"), ("POST", "rollback?revision=1"), ("POST", "clone?to=x")):
        problems_of(await admin.request(method, f"/v1/vpcs/blue/prod/{path}"), 403)


async def test_a_clone_has_the_same_addresses_and_no_place(world: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    operator, admin = world
    before = await objects_of(operator)
    made = await admin.post(f"{VPC}/clone?to=copy")
    assert made.status_code == 200, made.text
    copy = await objects_of(operator, "/v1/vpcs/red/copy")
    assert copy.keys() == {"vpc copy", *before.keys()} - {"vpc prod"}
    assert {key: value for key, value in copy["port a"].items() if key != "vpc"} == {
        key: value for key, value in before["port a"].items() if key not in ("vpc", "attachment")
    }
    numbers = (await operator.get("/v1/identifiers?pool=vni")).json()["identifiers"]
    assert len({item["number"] for item in numbers}) == len(numbers) == 2
    assert await objects_of(operator) == before
    problems_of(await admin.post(f"{VPC}/clone?to=copy"), 409)
    await change_everything(operator)
    assert (await admin.post(f"{VPC}/clone?to=old&revision=1")).status_code == 200
    assert "port a" in await objects_of(operator, "/v1/vpcs/red/old")


async def test_bad_questions_are_problems_and_change_nothing(
    world: tuple[httpx.AsyncClient, httpx.AsyncClient],
) -> None:
    operator, _ = world
    for method, path, status in (
        ("GET", "/v1/vpcs/red/nope/snapshot", 404),
        ("GET", f"{VPC}/snapshot?revision=0", 404),
        ("GET", f"{VPC}/snapshot?revision=99", 400),
        ("GET", f"{VPC}/snapshot?revision=-1", 422),
        ("POST", f"{VPC}/rollback", 422),
        ("POST", f"{VPC}/rollback?revision=0", 404),
        ("POST", f"{VPC}/rollback?revision=99", 400),
        ("POST", f"{VPC}/clone", 422),
        ("POST", f"{VPC}/clone?to=No", 422),
        ("POST", f"{VPC}/clone?to=prod", 409),
    ):
        problems_of(await operator.request(method, path), status)
    problems_of(await operator.post(f"{VPC}/rollback?revision=1", headers={"If-Match": '"9"'}), 412)
    assert (await operator.get("/v1/status")).json()["revision"] == 1


async def test_what_the_past_needs_must_be_there(world: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    operator, _ = world
    await operator.post(f"{VPC}/clone?to=other")
    taker = {**RED[4], "vpc": "other", "attachment": PLACE}
    assert (await operator.delete("/v1/ports/red/prod/a")).status_code == 200
    assert (await operator.put("/v1/ports/red/other/a", json=taker)).status_code == 200
    (problem,) = problems_of(await operator.post(f"{VPC}/rollback?revision=1"), 422)
    assert "is taken by port red/" in problem
    assert "port a" not in await objects_of(operator)


@settings(max_examples=40)
@given(st.lists(st.lists(edits(), min_size=1, max_size=3), min_size=1, max_size=6))
def test_the_past_is_what_was_committed(steps: list[list[Edit]]) -> None:
    with Store("sqlite://") as store:
        store.commit([Put(it) for it in BASE.values()], "test")
        known: dict[int, list[Any]] = {}
        for some in [[], *steps]:
            there = store.snapshot().objects
            last = dict(some)
            store.commit(
                [Delete(key) if it is None else Put(it) for key, it in last.items() if it or key in there], "test"
            )
            now = store.snapshot()
            members = [it for it in now.intents if it.id.key == "red/prod" or it.id.key.startswith("red/prod/")]
            known[now.revision] = sorted((it.document() for it in members), key=str)
        for revision, documents in known.items():
            found = [it.document() for it in store.vpc_at("red/prod", revision)]
            assert sorted(found, key=str) == documents


PATCH = {"Content-Type": "application/merge-patch+json"}
