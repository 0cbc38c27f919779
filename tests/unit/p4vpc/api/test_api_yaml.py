# SPDX-License-Identifier: Apache-2.0
"""Bodies in YAML, whatever they are: refused with reasons, or taken as a whole."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p4vpc.store import Store
from tests.unit.p4vpc.api.test_api import RED, YAML, any_object, serving

texts = st.text(alphabet="ab:-?!&*#|>%@`'\"{}[],\n \t0~", max_size=40)
"""What is short, and full of signs that mean something in YAML."""


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    with Store("sqlite://") as store:
        async with serving(store) as client:
            yield client


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    good=st.integers(0, len(RED)),
    documents=st.lists(any_object, max_size=2),
    junk=st.one_of(st.just(""), texts),
)
async def test_no_yaml_whatever_is_taken_in_part(
    api: httpx.AsyncClient, good: int, documents: list[dict[str, Any]], junk: str
) -> None:
    before = (await api.get("/v1/status")).json()["revision"]
    parts = [yaml.safe_dump(document, allow_unicode=True) for document in [*RED[:good], *documents]]
    body = "---\n".join([*parts, *([junk] if junk else [])])
    response = await api.post("/v1/apply", content=body.encode(), headers=YAML)
    assert response.status_code in (200, 400, 422), response.text
    after = (await api.get("/v1/status")).json()["revision"]
    if response.status_code == 200:
        made = [{"kind": change["kind"], "key": change["key"]} for change in response.json()["changes"]]
        assert after == before + bool(made)
        assert (await api.post("/v1/delete", json=made)).status_code == 200
    else:
        assert response.json()["problems"]
        assert after == before
    assert (await api.get("/v1/tenants")).json()["items"] == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=st.one_of(texts.map(str.encode), st.binary(max_size=30)), path=st.sampled_from(["tenants/red", "tokens"]))
async def test_no_body_of_one_object_makes_the_server_fail(api: httpx.AsyncClient, body: bytes, path: str) -> None:
    method = "POST" if path == "tokens" else "PUT"
    response = await api.request(method, f"/v1/{path}", content=body, headers=YAML)
    assert response.status_code in (200, 201, 400, 422), response.text
