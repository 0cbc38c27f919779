# SPDX-License-Identifier: Apache-2.0
"""What one tenant may take: objects, rules, requests, bytes, streams. Operators are not limited."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from p4vpc.api import create_app
from p4vpc.api.first_token import create_first_token
from p4vpc.services import Controller, RequestRates, TenantLimits
from p4vpc.store import Store
from tests.unit.p4vpc.api.test_api import PIPELINE, RED, problems_of

LIMITS = TenantLimits(objects=7, rules=3, requests_per_second=1000.0, burst=40, body_bytes=2000, streams=0)
RULE = {"direction": "ingress", "protocol": "any", "peer": {"cidr": "0.0.0.0/0"}}
GROUP = "/v1/security-groups/red/prod/open"
ACL = "/v1/network-acls/red/prod/edge"


@dataclass(slots=True)
class Clients:
    operator: httpx.AsyncClient
    admin: httpx.AsyncClient


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def clients(clock: Clock) -> AsyncIterator[Clients]:
    with Store("sqlite://") as store:
        async with Controller(store, PIPELINE) as controller:
            app = create_app(controller, limits=LIMITS)
            app.state.rates = RequestRates(LIMITS, clock)
            transport = httpx.ASGITransport(app)

            def client(secret: str | None) -> httpx.AsyncClient:
                headers = {"Authorization": f"Bearer {secret}"}
                return httpx.AsyncClient(transport=transport, base_url="http://p4vpc", headers=headers)

            operator = client(await create_first_token(controller.access, None))
            await operator.post("/v1/apply", json=RED)
            body = {"name": "admin", "role": "tenant-admin", "tenant": "red"}
            yield Clients(operator, client((await operator.post("/v1/tokens", json=body)).json()["secret"]))


async def test_a_tenant_has_no_more_objects_than_it_may(clients: Clients) -> None:
    assert (await clients.admin.put("/v1/vpcs/red/b", json={})).status_code == 201
    assert (await clients.admin.put("/v1/vpcs/red/c", json={})).status_code == 201
    refused = await clients.admin.put("/v1/vpcs/red/d", json={})
    assert problems_of(refused, 409) == ["tenant red: : would have 8 objects, and may have 7"]
    assert (await clients.admin.put("/v1/vpcs/red/c", json={"description": "x"})).status_code == 200
    assert (await clients.operator.put("/v1/vpcs/red/d", json={})).status_code == 201
    assert (await clients.admin.patch("/v1/vpcs/red/d", json={"description": "x"})).status_code == 200
    assert (await clients.admin.delete("/v1/vpcs/red/b")).status_code == 200
    assert (await clients.operator.put("/v1/vpcs/red/e", json={})).status_code == 201


async def test_a_tenant_has_no_more_rules_than_it_may(clients: Clients) -> None:
    assert (await clients.admin.patch(GROUP, json={"rules": [RULE]})).status_code == 200
    acl = {"subnets": ["web"], "inbound": [{"action": "allow"}], "outbound": [{"action": "allow"}, {"action": "deny"}]}
    assert problems_of(await clients.admin.put(ACL, json=acl), 409) == [
        "tenant red: : would have 4 rules, and may have 3"
    ]
    assert (await clients.admin.put(ACL, json={**acl, "inbound": []})).status_code == 201
    assert (await clients.operator.patch(GROUP, json={"rules": [RULE, {**RULE, "direction": "egress"}]})).is_success
    assert (await clients.admin.patch(GROUP, json={"rules": []})).status_code == 200


async def test_a_tenant_asks_no_more_often_than_it_may(clients: Clients, clock: Clock) -> None:
    answers = [(await clients.admin.get("/v1/vpcs")).status_code for _ in range(LIMITS.burst)]
    assert answers == [200] * LIMITS.burst
    refused = await clients.admin.get("/v1/vpcs")
    problems_of(refused, 429)
    assert refused.headers["retry-after"] == "1"
    assert (await clients.operator.get("/v1/vpcs")).status_code == 200
    clock.now += 0.0011
    assert (await clients.admin.get("/v1/vpcs")).status_code == 200
    problems_of(await clients.admin.get("/v1/vpcs"), 429)


def test_a_bucket_fills_up_to_its_burst_and_no_further() -> None:
    clock = Clock()
    rates = RequestRates(TenantLimits(requests_per_second=2.0, burst=3), clock)
    clock.now += 1000.0
    assert [rates.wait_of("red") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert rates.wait_of("blue") == 0.0
    clock.now += 0.5
    assert [rates.wait_of("red") for _ in range(2)] == [0.0, 0.5]


async def test_a_tenant_sends_no_longer_bodies_than_it_may(clients: Clients) -> None:
    body = {"description": "x" * LIMITS.body_bytes}
    problems_of(await clients.admin.put("/v1/vpcs/red/prod", json=body), 413)
    problems_of(await clients.admin.patch("/v1/vpcs/red/prod", json=body), 413)
    problems_of(await clients.admin.post("/v1/apply", json=[{**RED[1], **body}]), 413)
    assert (await clients.operator.put("/v1/vpcs/red/prod", json={"description": "x" * 1000})).status_code == 200


async def test_a_tenant_has_no_more_streams_than_it_may(clients: Clients) -> None:
    problems_of(await clients.admin.get("/v1/watch"), 429)


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/apply"), ("PUT", "/v1/vpcs/red/prod"), ("POST", "/v1/tokens")]
)
async def test_yaml_that_unfolds_without_end_does_not(clients: Clients, method: str, path: str) -> None:
    text = f"kind: vpc\ntenant: red\nname: prod\n{bomb(12)}\ndescription: *a11\n"
    headers = {"Content-Type": "application/yaml"}
    response = await clients.operator.request(method, path, content=text, headers=headers)
    assert problems_of(response, response.status_code)
    assert response.status_code in (400, 422)
    assert len(response.content) < 100_000
