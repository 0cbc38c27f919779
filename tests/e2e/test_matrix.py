# SPDX-License-Identifier: Apache-2.0
"""The example from a user's point of view: real Linux hosts, real pings, every refusal explained."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.namespaces


def test_two_tenants_with_the_same_addresses_reach_what_their_rules_allow_and_nothing_else(
    target: str, run_topo: Callable[..., Any]
) -> None:
    run = run_topo("--target", target)
    assert run.status == 0, run.output
    pings = {(ping["source"], ping["target"]): ping for ping in run.report["pings"]}
    assert len(pings) == 40
    for tenant in ("red", "blue"):
        key = f"{tenant}/prod/".__add__
        for source, other in (("web-1", "web-2"), ("web-1", "web-3"), ("web-2", "db-1"), ("db-1", "web-3")):
            assert pings[key(source), key(other)]["is_replied"], (tenant, source, other)
            assert pings[key(source), key(other)]["arrivals"] == [key(other)]
        for source, other in (("web-1", "quarantine-1"), ("quarantine-1", "web-2"), ("db-1", "quarantine-1")):
            ping = pings[key(source), key(other)]
            assert not ping["is_replied"], (tenant, source, other)
            assert ping["arrivals"] == []
            assert [drop["reason"] for drop in ping["drops"]] == ["policy"]
    assert "as expected" in run.output


def test_a_file_with_a_mistake_is_refused_by_name_and_nothing_is_started(
    run_topo: Callable[..., Any], tmp_path: Any
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("kind: switch\nname: leaf1\nrole: leaf\nvtep: 10.255.0.1\np4runtime: 192.0.2.1:9559\n", "utf-8")
    run = run_topo(str(path))
    assert run.status == 2
    assert "switch leaf1: p4runtime" in run.output
    assert "Traceback" not in run.output
