# SPDX-License-Identifier: Apache-2.0
"""The SDK against a controller that runs as a process: the examples of its page, and many who ask at once."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from p4vpc.client import Client, RefusedError
from p4vpc.intent import Port, from_document, load_yaml
from tests.integration.controller.conftest import ServeProcess

PAGE = Path(__file__).parents[3] / "docs" / "sdk.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
BASE = """
{kind: tenant, name: crowd}
---
{kind: vpc, tenant: crowd, name: prod}
---
{kind: subnet, tenant: crowd, vpc: prod, name: web, ipv4: 10.0.1.0/25, ipv6: "fd01::/121"}
"""


@pytest.fixture
def connected(serve_process: ServeProcess, monkeypatch: pytest.MonkeyPatch) -> ServeProcess:
    monkeypatch.setenv("P4VPC_SERVER", serve_process.url)
    monkeypatch.setenv("P4VPC_TOKEN", serve_process.token_file.read_text().strip())
    return serve_process


def test_the_examples_run(connected: ServeProcess, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(EXAMPLES) == 2
    for example in EXAMPLES:
        exec(compile(example, str(PAGE), "exec"), {"__name__": "example"})
    printed = capsys.readouterr().out.splitlines()
    assert "would create port sdk/prod/web-1 ['mac', 'addresses']" in printed
    assert any(line.startswith("412 port sdk/prod/web-1: is at revision") for line in printed)
    assert printed[-1] == "['sdk-a', 'sdk-b']"
    assert connected.url


def test_ports_of_many_threads_get_addresses_of_their_own(connected: ServeProcess) -> None:
    token = connected.token_file.read_text().strip()

    def create(worker: int) -> None:
        with Client(connected.url, token=token) as api:
            for number in range(14):
                name = f"p{worker}-{number}"
                port = from_document({"kind": "port", **NAMES, "name": name, "subnet": "web"})
                first = api.put(port)
                again = api.put(port)
                assert (len(first.changes), again.changes) == (1, [])

    with Client(connected.url, token=token) as api:
        objects = load_yaml(BASE, "test")
        api.apply(objects)
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(create, range(8)))
        ports = api.read_all(Port, tenant="crowd")
        assert len(ports) == 112
        for family in (0, 1):
            assert len({port.addresses[family] for port in ports}) == 112
        assert len({str(port.mac) for port in ports}) == 112
        more = [from_document({"kind": "port", **NAMES, "name": f"x{number}", "subnet": "web"}) for number in range(14)]
        with pytest.raises(RefusedError) as caught:
            api.apply(more)
        assert caught.value.status == 409
        problem = caught.value.problems[0]
        assert problem.message == "subnet crowd/prod/web (10.0.1.0/25) has no address left"
        assert "use another subnet" in problem.remedy
        assert len(api.list("port", tenant="crowd")) == 112
        api.delete([port.id for port in ports])
        api.delete([intent.id for intent in objects])


NAMES = {"tenant": "crowd", "vpc": "prod"}
