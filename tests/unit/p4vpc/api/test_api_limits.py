# SPDX-License-Identifier: Apache-2.0
"""Network ACLs and QoS policies as REST resources."""

from collections.abc import AsyncIterator

import httpx
import pytest

from p4vpc.store import Store
from tests.unit.p4vpc.api.test_api import RED, serving

ACL_PATH = "/v1/network-acls/red/prod/edge"
ACL = {"subnets": ["web"], "inbound": [{"action": "allow", "protocol": "tcp", "ports": "443"}]}
QOS_PATH = "/v1/qos-policies/red/gold"
QOS = {"from_port": {"rate_bps": 100_000_000, "burst_bytes": 150_000}}


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    with Store("sqlite://") as store:
        async with serving(store) as client:
            response = await client.post("/v1/apply", json=RED)
            assert response.status_code == 200, response.text
            yield client


@pytest.mark.parametrize(("path", "body"), [(ACL_PATH, ACL), (QOS_PATH, QOS)])
async def test_they_are_kept_as_they_were_given(api: httpx.AsyncClient, path: str, body: dict[str, object]) -> None:
    assert (await api.put(path, json=body)).status_code == 201
    kept = (await api.get(path)).json()
    assert body.items() <= kept.items()
    assert (await api.put(path, json=kept)).json()["changes"] == []
    assert (await api.delete(path)).status_code == 200
    assert (await api.get(path)).status_code == 404


async def test_lists_are_filtered_by_scope(api: httpx.AsyncClient) -> None:
    await api.put(ACL_PATH, json=ACL)
    await api.put(QOS_PATH, json=QOS)
    for collection, query, number in (
        ("network-acls", {"tenant": "red", "vpc": "prod"}, 1),
        ("network-acls", {"tenant": "blue"}, 0),
        ("qos-policies", {"tenant": "red"}, 1),
        ("qos-policies", {"tenant": "red", "vpc": "prod"}, 0),  # it belongs to the tenant, to no VPC
    ):
        found = (await api.get(f"/v1/{collection}", params=query)).json()["items"]
        assert len(found) == number, (collection, query)


async def test_a_second_acl_of_a_subnet_is_refused(api: httpx.AsyncClient) -> None:
    await api.put(ACL_PATH, json=ACL)
    response = await api.put("/v1/network-acls/red/prod/other", json=ACL)
    assert response.status_code == 422
    (problem,) = response.json()["problems"]
    assert (problem["field"], problem["remedy"]) == ("subnets[0]", "a subnet has at most one network ACL")


async def test_a_policy_in_use_cannot_be_deleted(api: httpx.AsyncClient) -> None:
    await api.put(QOS_PATH, json=QOS)
    port = RED[-1]
    path = f"/v1/ports/{port['tenant']}/{port['vpc']}/{port['name']}"
    assert (await api.put(path, json={**port, "qos": "gold"})).status_code == 200
    response = await api.delete(QOS_PATH)
    assert response.status_code == 409
    assert response.json()["problems"][0]["message"] == "is still needed by port red/prod/a (qos)"
    assert (await api.put(path, json=port)).status_code == 200
    assert (await api.delete(QOS_PATH)).status_code == 200
