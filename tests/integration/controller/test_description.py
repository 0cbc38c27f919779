# SPDX-License-Identifier: Apache-2.0
"""schemathesis against a controller: what the API's description says is what the API does."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.integration.controller.conftest import ServeProcess

schemathesis = pytest.importorskip("schemathesis")

EXAMPLES = int(os.environ.get("P4VPC_API_EXAMPLES", "3"))
"""For each operation; raise it to look longer."""

NOT_CALLED = {"/v1/watch"}
"""Its answer does not end."""

UNSURE = {"positive_data_acceptance"}
"""What fits the schema may still refer to nothing, or contradict what exists: that no schema can say."""


@dataclass(frozen=True, slots=True)
class Api:
    url: str
    headers: dict[str, str]
    description: dict[str, Any]


@pytest.fixture(scope="module")
def api(serve_process: ServeProcess) -> Iterator[Api]:
    headers = {"Authorization": f"Bearer {serve_process.token_file.read_text().strip()}"}
    description = httpx.get(f"{serve_process.url}/v1/openapi.json").json()
    for operation in operations(description):
        # Whatever is generated would be waited for.
        operation["parameters"] = [it for it in operation.get("parameters", ()) if it["name"] != "wait"]
    yield Api(serve_process.url, headers, description)


def operations(description: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in description["paths"].values() for operation in item.values()]


@pytest.mark.timeout(900)
def test_no_operation_does_what_its_description_does_not_say(api: Api) -> None:
    schema = schemathesis.openapi.from_dict(api.description)
    schema.config.update(base_url=api.url)
    unsure = [check for name, check in checks().items() if name in UNSURE]
    called, found = 0, list[str]()
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in NOT_CALLED:
            continue
        called += 1

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=EXAMPLES <= 3,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def call(case: Any) -> None:
            case.call_and_validate(headers=api.headers, excluded_checks=unsure, timeout=60)

        try:
            call()
        except BaseExceptionGroup as faults:
            found += [f"{operation.label}: {fault}" for fault in faults.exceptions]
    assert found == [], "\n\n".join(found)
    assert called > 80
    assert httpx.get(f"{api.url}/readyz").json() == {"status": "ready"}


def checks() -> dict[str, Any]:
    return {check.__name__: check for check in schemathesis.checks.CHECKS.get_all()}


def test_every_operation_tells_its_errors_and_wants_a_token(api: Api) -> None:
    for path, item in api.description["paths"].items():
        for operation in item.values():
            assert list(operation["responses"]["4XX"]["content"]) == ["application/problem+json"]
            assert ("security" in operation) is (path not in ("/healthz", "/readyz"))


def test_the_description_says_how_values_are_written(api: Api) -> None:
    schemas = api.description["components"]["schemas"]
    port = schemas["PortBody"]
    assert port["required"] == ["subnet"], "MAC and addresses are allocated where they are not given"
    assert not {"tenant", "vpc", "name"} & set(port["required"])
    assert port["properties"]["mac"]["anyOf"][0]["type"] == "string"
    assert "Mac" not in schemas
    assert "MacBody" not in schemas
