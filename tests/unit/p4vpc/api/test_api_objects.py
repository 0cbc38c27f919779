# SPDX-License-Identifier: Apache-2.0
"""Objects: changed in part, in pages, narrowed, guarded by preconditions."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4vpc.api import schemas
from p4vpc.api.filters import FILTERS
from p4vpc.api.merge_patch import merge_patch
from p4vpc.api.paging import MAX_PAGE, cursor_after, position_of
from p4vpc.api.problems import BadRequestError
from p4vpc.client import models
from p4vpc.intent import KINDS
from p4vpc.store import Store
from tests.unit.p4vpc.api.test_api import RED, problems_of, serving

PORT = "/v1/ports/red/prod/a"
PATCH = {"Content-Type": "application/merge-patch+json"}
MORE: list[dict[str, Any]] = [
    {"kind": "switch", "name": "leaf1", "role": "leaf", "vtep": "10.255.0.1", "p4runtime": "127.0.0.1:1"},
    {"kind": "switch", "name": "spine1", "role": "spine", "p4runtime": "127.0.0.1:2"},
    {"kind": "link", "name": "cable", "a": {"switch": "leaf1", "port": 1}, "b": {"switch": "spine1", "port": 1}},
    {"kind": "subnet", "tenant": "red", "vpc": "prod", "name": "db", "ipv4": "10.0.2.0/24"},
    {
        "kind": "security_group",
        "tenant": "red",
        "vpc": "prod",
        "name": "from-open",
        "rules": [{"direction": "ingress", "protocol": "any", "peer": {"group": "open"}}],
    },
    {"kind": "network_acl", "tenant": "red", "vpc": "prod", "name": "edge", "subnets": ["db"], "inbound": []},
    {"kind": "qos_policy", "tenant": "red", "name": "gold", "to_port": {"rate_bps": 10**8, "burst_bytes": 10**6}},
    {
        **{"kind": "port", "tenant": "red", "vpc": "prod", "name": "b", "subnet": "db", "mac": "02:00:00:00:00:02"},
        **{"addresses": ["10.0.2.5"], "attachment": {"switch": "leaf1", "port": 11}, "qos": "gold"},
    },
    {"kind": "route", "tenant": "red", "vpc": "prod", "name": "out", "prefix": "0.0.0.0/0", "next_hop": "10.0.1.5"},
]


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    with Store("sqlite://") as store:
        async with serving(store) as client:
            response = await client.post("/v1/apply", json=[*RED, *MORE])
            assert response.status_code == 200, response.text
            yield client


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_rfc_7396(target: object, patch: object, result: object) -> None:
    assert merge_patch(target, patch) == result


async def test_a_patch_changes_what_it_names(api: httpx.AsyncClient) -> None:
    before = (await api.get(PORT)).json()
    response = await api.patch(PORT, json={"mac": "02:00:00:00:00:07", "qos": "gold"}, headers=PATCH)
    assert (response.status_code, response.headers["etag"]) == (200, '"2"')
    assert (await api.get(PORT)).json() == {**before, "mac": "02:00:00:00:00:07", "qos": "gold"}
    assert (await api.patch(PORT, json={"qos": None})).json()["changes"][0]["after"] == {
        **before,
        "mac": "02:00:00:00:00:07",
    }
    assert (await api.patch(PORT, json={"qos": None})).json()["changes"] == []
    moved = await api.patch("/v1/ports/red/prod/b", json={"attachment": {"port": 12}})
    assert moved.json()["changes"][0]["after"]["attachment"] == {"switch": "leaf1", "port": 12}


async def test_a_port_in_another_subnet_gets_addresses_there_if_its_old_ones_are_taken_out(
    api: httpx.AsyncClient,
) -> None:
    problems_of(await api.patch(PORT, json={"subnet": "db"}, headers=PATCH), 422)
    route = await api.delete("/v1/routes/red/prod/out")
    assert route.status_code == 200
    moved = await api.patch(PORT, json={"subnet": "db", "addresses": None}, headers=PATCH)
    assert moved.status_code == 200, moved.text
    change = moved.json()["changes"][0]
    assert change["allocated"] == ["addresses"]
    assert change["after"]["addresses"][0].startswith("10.0.2.")
    assert change["after"]["mac"] == change["before"]["mac"]


async def test_a_patch_that_makes_no_sense_changes_nothing(api: httpx.AsyncClient) -> None:
    for patch, status in (
        ({"subnet": None}, 422),
        ({"mac": "nonsense", "subnet": "nowhere"}, 422),
        ({"subnet": "nowhere"}, 422),
        ({"name": "other"}, 422),
        ({"kind": "subnet"}, 422),
        ({"else": 1}, 422),
        ([], 400),
        (1, 400),
    ):
        problems_of(await api.patch(PORT, json=patch, headers=PATCH), status)
    problems_of(await api.patch("/v1/ports/red/prod/z", json={}), 404)
    problems_of(await api.patch(PORT, content=b"{}", headers={"Content-Type": "application/yaml"}), 415)
    problems_of(await api.patch(PORT, content=b"{", headers=PATCH), 400)
    dry = (await api.patch(f"{PORT}?dry_run=true", json={"qos": "gold"})).json()
    assert (dry["is_dry_run"], len(dry["changes"])) == (True, 1)
    assert (await api.get(PORT)).json() == RED[-1]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(("tag", "status"), [('"1"', 200), ('"0"', 412), ("*", 200), ("nonsense", 400)])
async def test_every_write_of_an_object_heeds_if_match(
    api: httpx.AsyncClient, method: str, tag: str, status: int
) -> None:
    path = "/v1/routes/red/prod/out"
    body = {"PUT": MORE[-1], "PATCH": {"prefix": "192.0.2.0/24"}, "DELETE": None}[method]
    response = await api.request(method, path, json=body, headers={"If-Match": tag})
    assert response.status_code == status, response.text


@pytest.mark.parametrize("path", ["/v1/apply", "/v1/delete"])
async def test_every_write_of_many_heeds_if_match_of_the_whole(api: httpx.AsyncClient, path: str) -> None:
    tag = (await api.get("/v1/routes")).headers["etag"]
    assert tag == '"1"'
    assert (await api.put("/v1/tenants/blue", json={})).status_code == 201
    body = [{**MORE[-1], "prefix": "192.0.2.0/24"}] if path == "/v1/apply" else [MORE[-1]]
    problems_of(await api.post(path, json=body, headers={"If-Match": tag}), 412)
    assert (await api.get("/v1/routes")).json()["items"] == [MORE[-1]]
    assert (await api.post(path, json=body, headers={"If-Match": '"2"'})).json()["revision"] == 3


async def test_lists_come_in_pages_that_miss_nothing(api: httpx.AsyncClient) -> None:
    names = sorted(f"t{number}" for number in range(9))
    await api.post("/v1/apply", json=[{"kind": "tenant", "name": name} for name in names])
    for limit in (1, 2, 3, 5, 10, 11):
        seen: list[str] = []
        params = {"limit": str(limit)}
        while True:
            page = (await api.get("/v1/tenants", params=params)).json()
            assert len(page["items"]) <= limit
            seen += [item["name"] for item in page["items"]]
            await api.put(f"/v1/tenants/a{limit}", json={})  # what comes before the cursor moves nothing
            if page["next"] is None:
                break
            params["cursor"] = page["next"]
        assert [name for name in seen if name.startswith("t")] == names
        assert len(seen) == len(set(seen))
    for query in ("limit=0", f"limit={MAX_PAGE + 1}", "limit=x"):
        problems_of(await api.get(f"/v1/tenants?{query}"), 422)


@given(cursor=st.text(max_size=20))
def test_no_cursor_whatever_is_taken_for_one_of_ours(cursor: str) -> None:
    try:
        position = position_of(cursor)
    except BadRequestError:
        return
    assert cursor_after(position) == cursor


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("ports?subnet=web", ["a"]),
        ("ports?subnet=nowhere", []),
        ("ports?switch=leaf1", ["b"]),
        ("ports?security_group=open", ["a"]),
        ("ports?qos=gold", ["b"]),
        ("ports?mac=02:00:00:00:00:02", ["b"]),
        ("ports?address=10.0.1.5", ["a"]),
        ("ports?subnet=db&switch=leaf1&tenant=red&vpc=prod", ["b"]),
        ("switches?role=spine", ["spine1"]),
        ("links?switch=spine1", ["cable"]),
        ("links?switch=spine2", []),
        ("network-acls?subnet=db", ["edge"]),
        ("network-acls?subnet=web", []),
        ("security-groups?peer_group=open", ["from-open"]),
        ("routes?next_hop=10.0.1.5", ["out"]),
    ],
)
async def test_lists_are_narrowed(api: httpx.AsyncClient, query: str, names: list[str]) -> None:
    assert [item["name"] for item in (await api.get(f"/v1/{query}")).json()["items"]] == names


async def test_a_filter_that_is_none_is_no_reason_to_return_everything(api: httpx.AsyncClient) -> None:
    problems = (await api.get("/v1/ports?subent=web")).json()["problems"]
    assert [(item["field"], item["remedy"]) for item in problems] == [("subent", "did you mean subnet?")]


def test_every_filter_is_of_a_kind() -> None:
    assert FILTERS.keys() <= KINDS.keys()


async def test_an_object_that_waits_for_a_switch_is_pending(api: httpx.AsyncClient) -> None:
    await api.get("/v1/status?wait=0.01")
    status = (await api.get("/v1/ports/red/prod/b/status?wait=0.1")).json()
    assert (status["state"], status["revision"]) == ("pending", 1)
    assert [(at["name"], at["state"], at["is_realised"]) for at in status["switches"]] == [
        ("leaf1", "disconnected", False)
    ]
    assert status["switches"][0]["entries"] > 0
    unbound = (await api.get(f"{PORT}/status?wait=20")).json()
    assert unbound["kind"] == "port"
    problems_of(await api.get("/v1/ports/red/prod/z/status"), 404)


def test_the_client_knows_every_field() -> None:
    assert schemas.ObjectsModel.model_fields.keys() == models.ObjectList.model_fields.keys()
    assert schemas.ObjectStatus.model_fields.keys() == models.ObjectStatus.model_fields.keys()
    assert schemas.ObjectAtSwitch.model_fields.keys() == models.ObjectAtSwitch.model_fields.keys()
