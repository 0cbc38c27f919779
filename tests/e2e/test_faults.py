# SPDX-License-Identifier: Apache-2.0
"""Crashes under traffic, and a foreign VTEP, through the demonstrations that a user can run."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.namespaces


def test_a_leaf_that_was_killed_forwards_again_without_a_command(target: str, run_topo: Callable[..., Any]) -> None:
    run = run_topo("--target", target, "--no-matrix", "--demo", "leaf-restart")
    assert run.status == 0, run.output
    facts = run.report["demos"]["leaf-restart"]
    assert facts["is_back"]
    assert facts["lost"] > 0  # else nobody was killed
    assert facts["bystanders_lost"] == 0


def test_a_controller_that_was_killed_loses_no_packet_and_writes_nothing(
    target: str, run_topo: Callable[..., Any]
) -> None:
    run = run_topo("--target", target, "--no-matrix", "--demo", "controller-restart")
    assert run.status == 0, run.output
    facts = run.report["demos"]["controller-restart"]
    assert facts["sent"] > 100
    assert (facts["lost"], facts["written"]) == (0, 0)


def test_a_linux_vxlan_device_is_a_foreign_vtep(target: str, run_topo: Callable[..., Any]) -> None:
    run = run_topo("--target", target, "--no-matrix", "--demo", "vtep")
    assert run.status == 0, run.output
    facts = run.report["demos"]["vtep"]
    assert set(facts) == {"red/prod/web-1", "red/prod/web-2", "red/prod/web-3"}
    assert all(fact == {"there": 10, "back": 10, "is_arp_right": True} for fact in facts.values())
