# SPDX-License-Identifier: Apache-2.0
"""The REST API without any switch: objects, bulk changes, preconditions, and whatever can be sent that is wrong."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from p4vpc.api import create_app, schemas, tokens
from p4vpc.api.first_token import create_first_token
from p4vpc.cli.files import read_files
from p4vpc.cli.serve import default_pipeline
from p4vpc.client import models
from p4vpc.intent import KINDS
from p4vpc.services import Controller
from p4vpc.southbound import Pipeline
from p4vpc.store import Store

PIPELINE = Pipeline.load(default_pipeline())
MAX_BODY_BYTES = 50_000
YAML = {"Content-Type": "application/yaml"}
JSON = {"Content-Type": "application/json"}
RED: list[dict[str, Any]] = [
    {"kind": "tenant", "name": "red"},
    {"kind": "vpc", "tenant": "red", "name": "prod"},
    {"kind": "subnet", "tenant": "red", "vpc": "prod", "name": "web", "ipv4": "10.0.1.0/24"},
    {"kind": "security_group", "tenant": "red", "vpc": "prod", "name": "open", "rules": []},
    {
        "kind": "port",
        "tenant": "red",
        "vpc": "prod",
        "name": "a",
        "subnet": "web",
        "mac": "02:00:00:00:00:01",
        "addresses": ["10.0.1.5"],
        "security_groups": ["open"],
    },
]


@asynccontextmanager
async def serving(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """An operator's client; of a store that has no token yet."""
    async with Controller(store, PIPELINE) as controller:
        secret = await create_first_token(controller.access, None)
        transport = httpx.ASGITransport(create_app(controller, max_body_bytes=MAX_BODY_BYTES))
        headers = {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://p4vpc", headers=headers) as client:
            yield client


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    with Store("sqlite://") as store:
        async with serving(store) as client:
            yield client


async def applied(api: httpx.AsyncClient) -> httpx.AsyncClient:
    response = await api.post("/v1/apply", json=RED)
    assert response.status_code == 200, response.text
    return api


def problems_of(response: httpx.Response, status: int) -> list[str]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body.keys() == {"type", "title", "status", "detail", "problems"}
    assert body["status"] == status
    return [f"{item['object']}: {item['field']}: {item['message']}" for item in body["problems"]]


async def test_apply_creates_everything_at_one_revision(api: httpx.AsyncClient) -> None:
    result = (await api.post("/v1/apply", json=RED)).json()
    assert (result["revision"], result["is_dry_run"], result["outcome"]) == (1, False, None)
    assert [(change["operation"], change["kind"]) for change in result["changes"]] == [
        ("create", kind) for kind in ("port", "security_group", "subnet", "tenant", "vpc")
    ]
    again = (await api.post("/v1/apply", json=RED)).json()
    assert (again["revision"], again["changes"]) == (1, [])


async def test_apply_takes_yaml_and_one_object(api: httpx.AsyncClient) -> None:
    text = "kind: tenant\nname: red\n---\nkind: vpc\ntenant: red\nname: prod\n"
    assert (await api.post("/v1/apply", content=text, headers=YAML)).json()["revision"] == 1
    assert (await api.post("/v1/apply", json={"kind": "tenant", "name": "blue"})).json()["revision"] == 2


@pytest.mark.parametrize("path", ["/v1/apply?dry_run=true", "/v1/diff"])
async def test_a_dry_run_tells_the_difference_only(api: httpx.AsyncClient, path: str) -> None:
    await applied(api)
    changed = {**RED[4], "mac": "02:00:00:00:00:02"}
    result = (await api.post(path, json=[changed])).json()
    assert [(change["operation"], change["before"]["mac"], change["after"]["mac"]) for change in result["changes"]] == [
        ("update", "02:00:00:00:00:01", "02:00:00:00:00:02")
    ]
    assert result["is_dry_run"]
    assert (await api.get("/v1/ports/red/prod/a")).json()["mac"] == "02:00:00:00:00:01"


async def test_five_mistakes_are_five_problems_and_nothing_changes(api: httpx.AsyncClient) -> None:
    text = """
kind: tenant
name: Red
---
kind: tenat
name: blue
---
kind: tenant
name: green
---
kind: vpc
tenant: green
name: prod
---
kind: subnet
tenant: green
vpc: prod
name: web
ipv4: 10.0.1.5/24
---
kind: port
tenant: green
vpc: prod
name: a
subnet: wep
mac: "02:00:00:00:00:01"
addresses: [10.0.1.5]
---
kind: route
tenant: green
vpc: prod
name: out
prefix: 0.0.0.0/0
next_hop: 10.9.9.9
"""
    response = await api.post("/v1/apply", content=text, headers=YAML)
    problems = problems_of(response, 422)
    assert len(problems) == 5
    for problem, start in zip(sorted(problems), ["port", "route", "subnet", "tenant Red", "tenat"], strict=True):
        assert problem.startswith(start)
    assert all("line" in item["source"] or "document" in item["source"] for item in response.json()["problems"])
    assert (await api.get("/v1/tenants")).json() == {"revision": 0, "items": [], "next": None}


BAD_PORT = """
kind: port
tenant: red
vpc: prod
name: b
subnet: wep
mac: nonsense
addresses: [10.0.1.6]
security_groups: [wab]
attachment: {switch: laef1, port: 9}
"""


async def test_references_of_a_malformed_object_are_checked_too(api: httpx.AsyncClient) -> None:
    await applied(api)
    problems = problems_of(await api.post("/v1/apply", content=BAD_PORT, headers=YAML), 422)
    fields = ["attachment.switch", "mac", "security_groups[0]", "subnet"]
    assert sorted(problem.split(": ")[1] for problem in problems) == fields


async def test_references_that_the_client_could_read_of_a_malformed_object_are_checked(
    api: httpx.AsyncClient, tmp_path: Path
) -> None:
    await applied(api)
    file = tmp_path / "port.yaml"
    file.write_text(BAD_PORT)
    documents = read_files([file])
    assert [problem.field for problem in documents.problems] == ["mac"]
    [(object_id, references)] = documents.malformed.items()
    found = [{"field": field, **target._asdict()} for field, target in references]
    body = {"objects": [], "malformed": [{**object_id._asdict(), "references": found}]}
    problems = problems_of(await api.post("/v1/apply", json=body), 422)
    assert len(problems) == 3
    assert "mac" not in "".join(problems)


async def test_objects_that_the_client_could_not_read_are_no_dangling_references(api: httpx.AsyncClient) -> None:
    body = {"objects": RED[1:], "malformed": [{"kind": "tenant", "key": "red"}]}
    assert (await api.post("/v1/apply", json=body)).json()["changes"] == []
    assert (await api.get("/v1/status")).json()["revision"] == 0


async def test_lists_are_sorted_and_filtered(api: httpx.AsyncClient) -> None:
    await applied(api)
    await api.post(
        "/v1/apply", json=[{"kind": "tenant", "name": "blue"}, {"kind": "vpc", "tenant": "blue", "name": "prod"}]
    )

    async def names(path: str) -> list[str]:
        return [item["name"] for item in (await api.get(path)).json()["items"]]

    assert await names("/v1/tenants") == ["blue", "red"]
    assert await names("/v1/tenants?tenant=red") == ["red"]
    assert await names("/v1/vpcs?vpc=prod") == ["prod", "prod"]
    assert await names("/v1/vpcs?tenant=red") == ["prod"]
    assert await names("/v1/ports?tenant=red&vpc=prod") == ["a"]
    assert await names("/v1/ports?tenant=blue") == []


async def test_put_is_idempotent_and_takes_names_from_the_path(api: httpx.AsyncClient) -> None:
    first = await api.put("/v1/tenants/red", json={"description": "one"})
    assert (first.status_code, first.headers["etag"]) == (201, '"1"')
    again = await api.put("/v1/tenants/red", json={"kind": "tenant", "name": "red", "description": "one"})
    assert (again.status_code, again.headers["etag"], again.json()["changes"]) == (200, '"1"', [])
    changed = await api.put("/v1/tenants/red", content="description: two", headers=YAML)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    read = await api.get("/v1/tenants/red")
    assert (read.headers["etag"], read.json()) == ('"2"', {"kind": "tenant", "name": "red", "description": "two"})


async def test_the_fabric_is_one_object(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v1/fabrics/fabric")).status_code == 404
    assert (await api.put("/v1/fabrics/fabric", json={"tenant_mtu": 1400})).status_code == 201
    assert (await api.get("/v1/fabrics")).json()["items"] == [{"kind": "fabric", "tenant_mtu": 1400}]


async def test_a_body_that_contradicts_its_path_is_refused(api: httpx.AsyncClient) -> None:
    response = await api.put("/v1/tenants/red", json={"kind": "vpc", "name": "blue"})
    assert problems_of(response, 422) == [
        "tenant red: kind: the path says 'tenant', the body 'vpc'",
        "tenant red: name: the path says 'red', the body 'blue'",
    ]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Match": '"1"'}, 200),
        ({"If-Match": '"7", "1"'}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"7"'}, 412),
        ({"If-Match": 'W/"1"'}, 412),
        ({"If-Match": "1"}, 400),
        ({"If-None-Match": "*"}, 412),
        ({"If-None-Match": '"7"'}, 200),
    ],
)
async def test_preconditions_of_what_exists(api: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    await applied(api)
    response = await api.put("/v1/tenants/red", json={"description": "changed"}, headers=headers)
    assert response.status_code == status
    is_changed = (await api.get("/v1/tenants/red")).json().get("description") == "changed"
    assert is_changed is (status == 200)


@pytest.mark.parametrize(("headers", "status"), [({"If-Match": "*"}, 412), ({"If-None-Match": "*"}, 201)])
async def test_preconditions_of_what_does_not_exist(
    api: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    assert (await api.put("/v1/tenants/red", json={}, headers=headers)).status_code == status


async def test_delete_is_refused_while_referenced_and_names_who(api: httpx.AsyncClient) -> None:
    await applied(api)
    assert problems_of(await api.delete("/v1/subnets/red/prod/web"), 409) == [
        "subnet red/prod/web: : is still needed by port red/prod/a (subnet)"
    ]
    assert (await api.delete("/v1/ports/red/prod/a", headers={"If-Match": '"9"'})).status_code == 412
    assert (await api.delete("/v1/ports/red/prod/a")).json()["changes"][0]["operation"] == "delete"
    assert (await api.delete("/v1/subnets/red/prod/web")).status_code == 200
    assert problems_of(await api.delete("/v1/subnets/red/prod/web"), 404) == ["subnet red/prod/web: : does not exist"]


async def test_many_are_deleted_at_once_or_none(api: httpx.AsyncClient) -> None:
    await applied(api)
    some = [{"kind": "vpc", "key": "red/prod"}, {"kind": "port", "key": "red/prod/a"}]
    assert len(problems_of(await api.post("/v1/delete", json=some), 409)) == 1
    assert len((await api.get("/v1/ports")).json()["items"]) == 1
    result = (await api.post("/v1/delete?dry_run=true", json=RED)).json()
    assert {change["operation"] for change in result["changes"]} == {"delete"}
    assert (await api.post("/v1/delete", json=RED)).json()["revision"] == 2
    assert (await api.get("/v1/ports")).json()["items"] == []
    assert len(problems_of(await api.post("/v1/delete", json=RED), 404)) == 5


async def test_identifiers_tell_the_vni_of_a_subnet(api: httpx.AsyncClient) -> None:
    await applied(api)
    found = (await api.get("/v1/identifiers?pool=vni&owner=red/prod/web")).json()
    assert [(item["pool"], item["owner"]) for item in found["identifiers"]] == [("vni", "red/prod/web")]
    assert 4096 <= found["identifiers"][0]["number"] < 2**24
    pools = {item["pool"] for item in (await api.get("/v1/identifiers")).json()["identifiers"]}
    assert {"vni", "vrf"} < pools
    assert (await api.get("/v1/identifiers?owner=nobody")).json()["identifiers"] == []


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/v1/apply", b"{", 400),
        ("POST", "/v1/apply", b"", 400),
        ("POST", "/v1/apply", b"17", 400),
        ("POST", "/v1/apply", b'"text"', 400),
        ("POST", "/v1/apply", b"[NaN]", 400),
        ("POST", "/v1/apply", b"\xff\xfe", 400),
        ("POST", "/v1/apply", b"[" * 20_000, 400),
        ("POST", "/v1/apply", b"[1, null, []]", 422),
        ("POST", "/v1/apply", b'[{"kind": "tenant", "name": "\\ud800"}]', 422),
        ("POST", "/v1/apply", b'{"objects": [], "malformed": 1}', 400),
        ("POST", "/v1/apply", b'{"objects": [], "malformed": [{}]}', 400),
        ("POST", "/v1/apply", b'{"objects": [], "malformed": [{"kind": "a", "key": "b", "references": 1}]}', 400),
        ("POST", "/v1/apply", b'{"objects": [], "malformed": [{"kind": "a", "key": "b", "references": [{}]}]}', 400),
        ("POST", "/v1/apply", b'{"objects": [], "else": 1}', 400),
        ("POST", "/v1/apply", b'{"objects": 1}', 400),
        ("POST", "/v1/apply", b" " * (MAX_BODY_BYTES + 1), 413),
        ("POST", "/v1/apply?wait=nan", b"[]", 422),
        ("POST", "/v1/apply?wait=-1", b"[]", 422),
        ("POST", "/v1/apply?wait=1e9", b"[]", 422),
        ("POST", "/v1/apply?dry_run=perhaps", b"[]", 422),
        ("POST", "/v1/delete", b'[{"kind": "x", "key": "y"}]', 422),
        ("PUT", "/v1/tenants/red", b"[]", 400),
        ("PUT", "/v1/tenants/red", b'{"unknown": 1}', 422),
        ("PUT", "/v1/tenants/RED", b"{}", 422),
        ("PUT", "/v1/tenants/%00", b"{}", 422),
        ("PUT", "/v1/tenants/red%2Fprod", b"{}", 404),
        ("GET", "/v1/tenants/%FF", None, 422),
        ("GET", "/v1/nonsense", None, 404),
        ("GET", "/v1/apply", None, 405),
        ("GET", "/v1/status?wait=1&revision=9", None, 400),
        ("GET", "/v1/status?revision=99999999999999999999", None, 422),
        ("GET", "/v1/drops?switch=nope", None, 404),
        ("GET", "/v1/counters?switch=nope", None, 404),
        ("GET", "/v1/counters?table=nope", None, 400),
    ],
)
async def test_bad_requests_are_problems(
    api: httpx.AsyncClient, method: str, path: str, content: bytes | None, status: int
) -> None:
    problems_of(await api.request(method, path, content=content, headers=JSON), status)


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "text/html; a=b"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/apply"), ("POST", "/v1/delete"), ("PUT", "/v1/tenants/red")]
)
async def test_a_body_says_what_it_is(api: httpx.AsyncClient, method: str, path: str, media_type: str | None) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    response = await api.request(method, path, content=b"[]", headers=headers)
    assert len(problems_of(response, 415)) == 1


@pytest.mark.parametrize(
    "content", [b"{", b"\xff\xfe\x00", b"- [" * 5_000, b"a: !!python/object:os.system {}", b"&a [*a]"]
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/apply"), ("PUT", "/v1/tenants/red")])
async def test_bad_yaml_is_a_problem(api: httpx.AsyncClient, method: str, path: str, content: bytes) -> None:
    response = await api.request(method, path, content=content, headers=YAML)
    assert response.status_code in (400, 422), response.text
    assert response.json()["problems"]


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
)


def nested(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The values, and small lists and mappings of them. `st.recursive` makes such in several times the time."""
    return values | st.lists(values, max_size=2) | st.dictionaries(st.text(max_size=8), values, max_size=2)


json_values = nested(nested(nested(scalars)))
field_names = st.sampled_from(sorted({name for model in KINDS.values() for name in model.model_fields}))


any_object = st.builds(
    lambda kind, fields: {**fields, "kind": kind},
    st.sampled_from(list(KINDS)),
    st.dictionaries(field_names, json_values, max_size=6),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents=st.lists(any_object, max_size=3))
async def test_no_object_whatever_makes_the_server_fail(
    api: httpx.AsyncClient, documents: list[dict[str, Any]]
) -> None:
    response = await api.post("/v1/apply", content=json.dumps(documents).encode(), headers=JSON)
    assert response.status_code in (200, 422), response.text
    if response.status_code == 200:
        made = response.json()["changes"]
        assert len(made) == len(documents)
        undo = [{"kind": change["kind"], "key": change["key"]} for change in made]
        assert (await api.post("/v1/delete", json=undo)).status_code == 200
    lists = [(await api.get(f"/v1/{kind.collection}")).json()["items"] for kind in KINDS.values()]
    assert not any(lists)


async def test_status_waits_for_the_revision_to_be_compiled(api: httpx.AsyncClient) -> None:
    await applied(api)
    status = (await api.get("/v1/status?wait=20")).json()
    assert (status["revision"], status["compiled_revision"], status["outcome"]) == (1, 1, "realised")
    assert (status["switches"], status["error"]) == ([], "")


async def test_apply_waits_and_tells_that_a_switch_is_not_there(api: httpx.AsyncClient) -> None:
    switch = {"kind": "switch", "name": "leaf1", "role": "leaf", "vtep": "10.255.0.1", "p4runtime": "127.0.0.1:1"}
    result = (await api.post("/v1/apply?wait=0.05", json=[*RED, switch])).json()
    assert result["outcome"] == "timeout"
    (row,) = (await api.get("/v1/status")).json()["switches"]
    assert (row["name"], row["state"], row["is_realised"]) == ("leaf1", "disconnected", False)
    drops = (await api.get("/v1/drops")).json()
    assert (drops["switches"], list(drops["errors"])) == ({}, ["leaf1"])


async def test_health_readiness_metrics_and_description(api: httpx.AsyncClient) -> None:
    assert (await api.get("/healthz")).json() == {"status": "ok"}
    await api.get("/v1/status?wait=20")
    assert (await api.get("/readyz")).json() == {"status": "ready"}
    metrics = await api.get("/metrics")
    assert "p4vpc_compiled_revision 0.0" in metrics.text
    assert "# TYPE p4vpc_responder_packets_total counter" in metrics.text
    description = (await api.get("/v1/openapi.json")).json()
    for kind in KINDS.values():
        assert f"/v1/{kind.collection}" in description["paths"]
    put = description["paths"]["/v1/ports/{tenant}/{vpc}/{name}"]["put"]
    reference = put["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert reference.rpartition("/")[2] in description["components"]["schemas"]
    assert {item["name"] for item in put["parameters"]} == {"tenant", "vpc", "name", "wait", "dry_run"}


async def test_a_store_that_is_gone_is_503(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("db") / "p4vpc.db"
    with Store(f"sqlite:///{path}") as store:
        async with serving(store) as api:
            await api.get("/v1/status?wait=20")
            store.close()
            path.unlink()
            path.mkdir()
            for request in (api.get("/v1/tenants"), api.post("/v1/apply", json=RED), api.get("/readyz")):
                response = await request
                problems_of(response, 503)
                assert response.headers["retry-after"]


def test_the_client_knows_every_field_of_the_api() -> None:
    pairs: list[tuple[type[BaseModel], type[BaseModel]]] = [
        (schemas.ApplyResult, models.ApplyResult),
        (schemas.ObjectChange, models.ObjectChange),
        (schemas.StatusModel, models.Status),
        (schemas.SwitchModel, models.Switch),
        (schemas.SwitchProblemModel, models.SwitchProblem),
        (schemas.DropsModel, models.Drops),
        (schemas.CounterModel, models.Counter),
        (schemas.CountersModel, models.Counters),
        (tokens.TokenModel, models.TokenInfo),
        (tokens.TokensModel, models.Tokens),
        (tokens.CreatedToken, models.CreatedToken),
    ]
    for served, known in pairs:
        assert served.model_fields.keys() == known.model_fields.keys()
