# SPDX-License-Identifier: Apache-2.0
"""Both clients against the API's description: an operation without a method, or a field unlike its model, is found."""

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from pydantic import TypeAdapter

from p4vpc.api import schemas
from p4vpc.api.filters import FILTERS
from p4vpc.client import AsyncClient, Client, models
from p4vpc.client.models import Answer
from p4vpc.intent import KINDS, Intent, ObjectId, from_document
from p4vpc.store import Store
from tests.unit.p4vpc.api.test_api import serving

Call = Callable[[Any], Any]

EXAMPLES: Mapping[str, dict[str, Any]] = {
    "fabric": {},
    "switch": {"role": "leaf", "vtep": "10.255.0.1", "p4runtime": "127.0.0.1:1"},
    "link": {"a": {"switch": "leaf1", "port": 1}, "b": {"switch": "spine1", "port": 1}},
    "vtep": {"address": "10.255.9.1"},
    "tenant": {},
    "qos_policy": {"to_port": {"rate_bps": 10**8, "burst_bytes": 10**6}},
    "vpc": {},
    "subnet": {"ipv4": "10.0.1.0/24"},
    "network_acl": {"subnets": ["web"], "inbound": []},
    "security_group": {},
    "port": {"subnet": "web"},
    "mirror": {"ports": ["web-1"]},
    "route": {"prefix": "0.0.0.0/0", "next_hop": "10.0.1.5"},
}
CHANGE = {"is_dry_run": True, "wait_seconds": 1.0}


def example(kind: str) -> Intent:
    names = dict.fromkeys(KINDS[kind].name_fields, "x")
    return from_document({"kind": kind, **names, **EXAMPLES[kind]})


def calls() -> Iterator[tuple[str, str, Call]]:
    """Every operation of the description by method and path, with a call that gives every parameter."""
    yield "post", "/v1/apply", lambda api: api.apply([example("tenant")], **CHANGE)
    yield "post", "/v1/diff", lambda api: api.diff([example("tenant")])
    yield "post", "/v1/delete", lambda api: api.delete([ObjectId("tenant", "x")], **CHANGE)
    yield "get", "/v1/status", lambda api: api.status(wait_seconds=1.0, revision=2)
    yield "get", "/v1/drops", lambda api: api.drops(["leaf1"])
    samples: Call = lambda api: api.drop_samples(["leaf1"], ["policy"], after=1, wait_seconds=1.0)  # noqa: E731
    yield "get", "/v1/drops/samples", samples
    yield "get", "/v1/counters", lambda api: api.counters(["leaf1"], ["policy"])
    yield "get", "/v1/identifiers", lambda api: api.identifiers(["vni"], owner="red/prod/web")
    packet = {"protocol": "tcp", "source_port": 1, "destination_port": 2, "family": 4, "ttl": 9, "length": 99}
    yield "post", "/v1/trace", lambda api: api.trace("red/prod/a", "b", **packet, reply=True)
    yield "get", "/healthz", lambda api: api.is_alive()
    yield "get", "/readyz", lambda api: api.is_ready()
    yield "get", "/metrics", lambda api: api.metrics()
    yield "get", "/v1/tokens", lambda api: api.tokens()
    yield "post", "/v1/tokens", lambda api: api.create_token("x", "operator")
    yield "delete", "/v1/tokens/{name}", lambda api: api.revoke_token("x")
    vpc = "/v1/vpcs/{tenant}/{name}"
    yield "get", f"{vpc}/snapshot", lambda api: api.snapshot("x/x", revision=3)
    yield "post", f"{vpc}/rollback", lambda api: api.rollback("x/x", 3, **CHANGE)
    yield "post", f"{vpc}/clone", lambda api: api.clone("x/x", "y", revision=3, **CHANGE)
    filters = {"who": "x", "kind": "port", "key": "x", "tenant": "x", "since": "2030-01-31T12:00:00Z"}
    yield "get", "/v1/audit", lambda api: api.audit(limit=3, **filters, until="2030-01-31T13:00:00Z")
    for kind, model in KINDS.items():
        yield from object_calls(kind, model)


def object_calls(kind: str, model: type[Intent]) -> Iterator[tuple[str, str, Call]]:
    one = example(kind)
    collection = f"/v1/{model.collection}"
    item = f"{collection}/{'/'.join(f'{{{field}}}' for field in model.name_fields) or 'fabric'}"
    narrowed = dict.fromkeys(FILTERS.get(kind, ()), "x")
    yield "get", collection, lambda api: api.list(kind, tenant="x", vpc="x", narrowed=narrowed)
    yield "get", item, lambda api: api.read(model, one.key)
    yield "put", item, lambda api: api.put(one, **CHANGE)
    yield "patch", item, lambda api: api.patch(one.id, {"description": None}, **CHANGE)
    yield "delete", item, lambda api: api.delete_one(one.id, **CHANGE)
    yield "get", f"{item}/status", lambda api: api.object_status(one.id, wait_seconds=1.0)


CALLS = {(method, path): call for method, path, call in calls()}
OBJECTS = {model.__name__: kind for kind, model in KINDS.items()}
STREAMED = ("get", "/v1/watch")
ELSEWHERE = {"cursor"}
"""Asked for by itself, for the next page."""


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        with Store("sqlite://") as store:
            async with serving(store) as client:
                found: dict[str, Any] = (await client.get("/v1/openapi.json")).json()
                return found

    return asyncio.run(read())


def test_every_operation_has_a_method(description: dict[str, Any]) -> None:
    described = {(method, path) for path, item in description["paths"].items() for method in item}
    assert described == {*CALLS, STREAMED}


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_requests_and_answers_are_as_described(description: dict[str, Any], method: str, path: str) -> None:
    operation = description["paths"][path][method]
    schema = answer_schema(operation)
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if schema is None:
            return httpx.Response(200, text="# metrics")
        kind = OBJECTS.get(schema.get("$ref", "").rpartition("/")[2])
        body = sample(description, schema) if kind is None else example(kind).document()
        return httpx.Response(200, json=body, headers={"ETag": '"7"'})

    with Client("http://p4vpc", transport=httpx.MockTransport(handle)) as api:
        blocking = CALLS[method, path](api)

    async def run() -> Any:
        async with AsyncClient("http://p4vpc", transport=httpx.MockTransport(handle)) as api:
            return await CALLS[method, path](api)

    assert asyncio.run(run()) == blocking
    first, second = seen
    assert (first.method, first.url, first.content) == (second.method, second.url, second.content)
    assert first.method.lower() == method
    parameters = {it["name"] for it in operation.get("parameters", ()) if it["in"] == "query"}
    assert set(first.url.params) == parameters - ELSEWHERE
    content = operation.get("requestBody", {}).get("content", {})
    assert not content or first.headers["content-type"] in content
    assert bool(content) == bool(first.content)
    if isinstance(blocking, Answer):
        check_model(description, type(blocking), schema)


def test_the_stream_takes_every_parameter(description: dict[str, Any]) -> None:
    operation = description["paths"]["/v1/watch"]["get"]
    change = {"operation": "create", "kind": "tenant", "key": "x", "before": None, "after": {}, "allocated": []}
    event = json.dumps({"revision": 8, "changes": [change]})
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, text=f"id: {7 + len(seen)}\nevent: commit\ndata: {event}\n\n")

    with Client("http://p4vpc", transport=httpx.MockTransport(handle), sleep=lambda _: None) as api:
        events = api.watch(kinds=["tenant"], tenant="x", vpc="x", since=7)
        found = [next(events), next(events)]
    assert isinstance(found[0], models.CommitEvent)
    names = {it["in"]: set[str]() for it in operation["parameters"]}
    for it in operation["parameters"]:
        names[it["in"]].add(it["name"])
    assert set(seen[0].url.params) == names["query"]
    assert {"last-event-id"} == names["header"]
    assert seen[1].headers["last-event-id"] == "8"
    schema = schemas.CommitEvent.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    check_model({"components": {"schemas": schema["$defs"]}}, models.CommitEvent, schema)


def test_both_clients_have_the_same_methods() -> None:
    blocking, concurrent = (
        {name: member for name, member in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}
        for kind in (Client, AsyncClient)
    )
    concurrent["close"] = concurrent.pop("aclose")
    assert blocking.keys() == concurrent.keys()
    for name, method in blocking.items():
        there = inspect.signature(concurrent[name]).parameters
        assert list(inspect.signature(method).parameters) == list(there)


def test_the_blocking_client_is_the_one_that_is_made() -> None:
    tool = Path(__file__).parents[4] / "tools" / "unasync.py"
    subprocess.run([sys.executable, str(tool), "--check"], check=True)


def answer_schema(operation: Mapping[str, Any]) -> dict[str, Any] | None:
    status = min(operation["responses"])
    content = operation["responses"][status].get("content", {})
    found: dict[str, Any] | None = content["application/json"]["schema"] if "application/json" in content else None
    return found


def resolved(description: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def sample(description: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """Something that fits a schema, with every field."""
    schema = resolved(description, schema)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return sample(description, schema[choice][0])
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            fields = {name: sample(description, it) for name, it in schema.get("properties", {}).items()}
            fields.pop("next", None)
            return {**fields, **({"next": None} if "next" in schema.get("properties", {}) else {})}
        case "array":
            return [sample(description, schema["items"])] if "items" in schema else []
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case "null":
            return None
    return "2030-01-31T12:00:00Z" if schema.get("format") == "date-time" else "x"


def check_model(description: Mapping[str, Any], model: type[Answer], schema: Mapping[str, Any] | None) -> None:
    """Fail if a model has other fields than a schema, or one that is of another type."""
    assert schema is not None
    described = resolved(description, schema)
    assert described["properties"].keys() == model.model_fields.keys(), model
    for name, field in model.model_fields.items():
        assert field.annotation is not None
        theirs = described["properties"][name]
        own = kinds_of({}, TypeAdapter(field.annotation).json_schema())
        # A plain text takes the choices that a newer server may have, too.
        is_open = "string" in own
        said = {"string" if is_open and kind.startswith("=") else kind for kind in kinds_of(description, theirs)}
        assert said == own, (model, name)
        inner = model_in(field.annotation)
        if inner is not None:
            check_model(description, inner, next(references_in(theirs)))


def kinds_of(description: Mapping[str, Any], schema: Mapping[str, Any]) -> frozenset[str]:
    """The JSON types of a schema; choices of an enumeration as `=choice`."""
    definitions = schema.get("$defs", {})
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = definitions[name] if name in definitions else description["components"]["schemas"][name]
    if "anyOf" in schema:
        return frozenset().union(*(kinds_of(description, {**it, "$defs": definitions}) for it in schema["anyOf"]))
    if "enum" in schema:
        return frozenset(f"={choice}" for choice in schema["enum"])
    return frozenset({str(schema.get("type"))})


def references_in(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema
        for value in schema.values():
            yield from references_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references_in(value)


def model_in(annotation: Any) -> type[Answer] | None:
    if isinstance(annotation, type) and issubclass(annotation, Answer):
        return annotation
    return next(filter(None, map(model_in, get_args(annotation))), None)
