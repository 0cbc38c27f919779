# SPDX-License-Identifier: Apache-2.0
"""`p4vpc trace` against a controller that runs as a process, and traces of what a switch over gRPC really holds."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from p4vpc.api import create_app
from p4vpc.api.first_token import create_first_token
from p4vpc.cli.main import main
from p4vpc.client import Client
from p4vpc.compiler.entries import Identity
from p4vpc.intent import load_yaml
from p4vpc.services import read_telemetry
from p4vpc_tracer import SoftswitchTracer
from softswitch.ports import MemoryPorts
from tests.integration.controller.conftest import ServeProcess
from tests.integration.controller.running import controlling_a_leaf

EXAMPLE = Path(__file__).parents[3] / "topo" / "examples" / "two-tenants.yaml"
WEB, DB = "red/prod/web-1", "red/prod/db-1"
INTENT = """
{kind: switch, name: leaf1, role: leaf, vtep: 10.255.0.1, p4runtime: ADDRESS, device_id: 1}
---
{kind: tenant, name: red}
---
{kind: vpc, tenant: red, name: prod}
---
{kind: subnet, tenant: red, vpc: prod, name: web, ipv4: 10.0.1.0/24}
---
kind: security_group
tenant: red
vpc: prod
name: web
rules: [{direction: ingress, protocol: tcp, ports: "443", peer: {group: web}}]
---
{kind: port, tenant: red, vpc: prod, name: a, subnet: web, addresses: [10.0.1.11], security_groups: [web],
 attachment: {switch: leaf1, port: 11}}
---
{kind: port, tenant: red, vpc: prod, name: b, subnet: web, addresses: [10.0.1.12], security_groups: [web],
 attachment: {switch: leaf1, port: 12}}
"""


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def applied(serve_process: ServeProcess) -> ServeProcess:
    with Client(serve_process.url, token=serve_process.token_file.read_text().strip()) as api:
        api.apply(load_yaml(EXAMPLE.read_text(), "example"))
    return serve_process


@pytest.fixture
def run(applied: ServeProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("P4VPC_SERVER", applied.url)
    monkeypatch.setenv("P4VPC_TOKEN_FILE", str(applied.token_file))

    def run_command(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["p4vpc", "trace", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run_command


def test_the_verdict_is_the_first_line(run: Run) -> None:
    ended = run(WEB, "10.0.1.12", "--protocol", "tcp", "--dport", "443")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0] == "delivered to port red/prod/web-2 (leaf2 port 11)"
    assert lines[1] == "by what the switches shall hold at revision 1"
    assert lines[3].startswith("packet: 02:00:00:00:01:01 > 02:00:00:00:01:02 tcp 10.0.1.11:49152 > 10.0.1.12:443")
    assert lines[4].split() == ["STAGE", "SWITCH", "DECISION", "BECAUSE", "OF"]
    assert any(line.startswith("hop 0: leaf1 port 11: ") for line in lines)
    assert "-> delivered by port 11 to port red/prod/web-2" in ended.out
    assert "hosts_v4[" not in ended.out


def test_what_does_not_arrive_exits_with_5(run: Run) -> None:
    ended = run(WEB, "db-1", "--dport", "22")
    assert ended.code == 5
    assert ended.out.startswith(
        "dropped at leaf1: policy: no rule allows tcp to port 22 from security group web to security group db\n"
    )
    assert run(WEB, "10.0.1.11", "-p", "arp").code == 5, "an announcement arrives nowhere"
    assert run(WEB, "10.0.1.1").code == 0, "the gateway answers"


def test_reply_and_opening_stand_beside_the_packet(run: Run) -> None:
    ended = run(WEB, DB, "-6", "--reply")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[:2] == [
        "delivered to port red/prod/db-1 (leaf3 port 11)",
        "reply: delivered to port red/prod/web-1 (leaf1 port 11)",
    ]
    back = (DB, "web-1", "--sport", "5432", "--dport", "40000")
    assert run(*back).code == 5
    ended = run(*back, "--established")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("opened before by: delivered to port red/prod/db-1")
    assert run(WEB, DB, "--dport", "22", "--reply").code == 5


def test_tables_and_steps_are_shown_when_asked_for(run: Run) -> None:
    tables = run(WEB, DB, "--hops").out
    assert "  ingress: hosts_v4[vrf=" in tables
    assert "      hit hosts_v4[vrf=" in tables
    assert "      of port red/prod/db-1" in tables
    assert "  parser: start " in tables
    assert "    | condition hdr.vlan.isValid() false" in run(WEB, DB, "--steps").out


def test_output_for_programs(run: Run) -> None:
    words = (WEB, DB, "--dport", "22")
    as_json, as_yaml = run(*words, "-o", "json"), run(*words, "-o", "yaml")
    assert (as_json.code, as_yaml.code) == (5, 5)
    found = json.loads(as_json.out)
    assert yaml.safe_load(as_yaml.out) == found
    verdict = found["request"]["verdict"]
    assert (verdict["kind"], verdict["reason"]) == ("dropped", "policy")
    assert {"kind": "security_group", "key": "red/prod/db"} in verdict["objects"]


def test_raw_frames(run: Run) -> None:
    frame = "0180c200000e0200000000ff88cc" + "00" * 46
    ended = run("--at", "leaf1:1", "--frame", frame)
    assert (ended.code, ended.out.splitlines()[0]) == (5, "handed to the controller by leaf1 (trap 128)")


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        ((WEB,), 1, "trace: destination: is missing"),
        ((WEB, "web-9"), 1, "port red/prod/web-9: does not exist"),
        ((WEB, "10.0.1.12", "-p", "tpc"), 1, "there is no protocol 'tpc' (did you mean tcp"),
        ((WEB, "10.0.1.12", "--realised"), 1, "switch leaf1: what it holds is not known to this controller"),
        ((WEB, "10.0.1.12", "--icmp-type", "x"), 2, "not TYPE or TYPE/CODE"),
        (("--at", "leaf1", "--frame", "00"), 2, "not SWITCH:PORT"),
        ((WEB, "10.0.1.12", "--dport", "65536"), 2, "65535"),
    ],
)
def test_mistakes_are_told(run: Run, words: tuple[str, ...], code: int, error: str) -> None:
    ended = run(*words)
    assert ended.code == code
    assert error in " ".join(ended.err.replace("│", " ").split())


def test_a_tenants_table_has_no_switches(run: Run, applied: ServeProcess) -> None:
    with Client(applied.url, token=applied.token_file.read_text().strip()) as api:
        secret = api.create_token("red-viewer", "tenant-viewer", "red").secret
    ended = run(WEB, "10.0.1.12", "--reply", "--token", secret)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("delivered to port red/prod/web-2\nreply: delivered to port red/prod/web-1\n")
    assert "SWITCH" not in ended.out
    assert "leaf" not in ended.out
    refused = run("blue/prod/web-1", "10.0.1.12", "--token", secret)
    assert (refused.code, "is not of tenant red" in refused.err) == (1, True)


async def test_what_a_switch_holds_is_traced_and_left_alone(tmp_path: Path) -> None:
    packet = {"source": "red/prod/a", "destination": "b", "protocol": "tcp", "destination_port": 443}
    async with controlling_a_leaf(tmp_path, MemoryPorts(range(1, 32)), INTENT) as controller:
        app = create_app(controller, find_tracer=SoftswitchTracer)
        secret = await create_first_token(controller.access, None)
        transport, headers = httpx.ASGITransport(app), {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://p4vpc", headers=headers) as client:

            async def sentence(**more: Any) -> str:
                response = await client.post("/v1/trace", json={**packet, **more})
                assert response.status_code == 200, response.text
                return str(response.json()["request"]["verdict"]["sentence"])

            before, written = await read_telemetry(controller), controller.status.switches[0].updates_written
            for is_realised in (False, True):
                assert (
                    await sentence(realised=is_realised, reply=True) == "delivered to port red/prod/b (leaf1 port 12)"
                )
            assert await read_telemetry(controller) == before, "no counter has moved"
            assert controller.status.switches[0].updates_written == written

            # The controller learns, as inspection tells it, that an entry is not there any more.
            agent = controller.agents()["leaf1"]
            held = agent.held
            assert held is not None
            lost: list[Identity] = [identity for identity in held if identity[0] == "policy"]
            assert lost
            for identity in lost:
                agent._image.drop(identity)  # type: ignore[union-attr]
            assert await sentence() == "delivered to port red/prod/b (leaf1 port 12)"
            assert (await sentence(realised=True)).startswith(
                "dropped at leaf1: policy: no rule allows tcp to port 443"
            )
