# SPDX-License-Identifier: Apache-2.0
"""Namespaces, links, pings and witnesses by themselves: hosts on a plain Linux bridge."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from topo import echo

pytestmark = pytest.mark.namespaces

PROGRAM = Path(__file__).with_name("bridged.py")
FABRIC = """\
kind: switch
name: leaf1
role: leaf
vtep: 10.255.0.1
p4runtime: 127.0.0.1:9561
---
kind: subnet
tenant: red
vpc: prod
name: web
ipv4: 10.0.1.0/24
ipv6: fd01::/64
---
kind: security_group
tenant: red
vpc: prod
name: web
rules:
  - {direction: ingress, protocol: icmp, peer: {group: web}}
  - {direction: ingress, protocol: icmpv6, peer: {group: web}}
"""
PORT = """\
---
kind: port
tenant: red
vpc: prod
name: web-{number}
subnet: web
mac: 02:00:00:00:00:0{number}
addresses: [10.0.1.1{number}, "fd01::1{number}"]
security_groups: [{group}]
attachment: {{switch: leaf1, port: {number}}}
"""


@pytest.mark.parametrize("sender", ["program", "python"])
def test_the_matrix_sees_what_really_happens_and_not_what_is_expected(
    tmp_path: Path, environment: dict[str, str], sender: str
) -> None:
    if sender == "program" and not echo.has_ping_program():
        pytest.skip("ping (iputils) is not installed")
    path = tmp_path / "fabric.yaml"
    groups = ("web", "web", "")
    path.write_text(FABRIC + "".join(PORT.format(number=n, group=g) for n, g in enumerate(groups, 1)), "utf-8")
    run = subprocess.run(
        [sys.executable, str(PROGRAM), str(path), sender],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    outcomes = {(item["source"], item["target"], item["family"]): item for item in json.loads(run.stdout)}
    assert len(outcomes) == 12
    assert all(item["is_replied"] and item["arrivals"] == [item["target"]] for item in outcomes.values())
    problems = {pair: item["problem"] for pair, item in outcomes.items() if item["problem"]}
    assert set(problems.values()) == {"reply to a ping that no rule allows"}
    assert len(problems) == 8
    assert all("red/prod/web-3" in pair for pair in problems)
