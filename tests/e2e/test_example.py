# SPDX-License-Identifier: Apache-2.0
"""The example from a user's point of view: real Linux hosts, real pings, every refusal explained, crashes survived."""

import itertools

import pytest

from tests.e2e.conftest import Finished

pytestmark = [pytest.mark.namespaces, pytest.mark.timeout(300)]


def test_everything_is_as_the_intents_say(example_run: Finished) -> None:
    assert example_run.status == 0, example_run.output
    assert "80 of 80 as expected" in example_run.output
    assert example_run.report["is_good"]


def test_two_tenants_with_the_same_addresses_reach_what_their_rules_allow_and_nothing_else(
    example_run: Finished,
) -> None:
    pings = {(ping["source"], ping["target"], ping["family"]): ping for ping in example_run.report["pings"]}
    assert len(pings) == 80
    for tenant, family in itertools.product(("red", "blue"), (4, 6)):
        key = f"{tenant}/prod/".__add__
        for source, target in (("web-1", "web-2"), ("web-1", "web-3"), ("web-2", "db-1"), ("web-3", "db-1")):
            ping = pings[key(source), key(target), family]
            assert ping["is_replied"], (tenant, source, target, family)
            assert ping["arrivals"] == [key(target)]
        for source, target in (("web-1", "quarantine-1"), ("quarantine-1", "web-2"), ("db-1", "web-3")):
            ping = pings[key(source), key(target), family]
            assert not ping["is_replied"], (tenant, source, target, family)
            assert ping["arrivals"] == []
            assert [drop["reason"] for drop in ping["drops"]] == ["policy"]


def test_a_leaf_that_was_killed_forwards_again_without_a_command(example_run: Finished) -> None:
    facts = example_run.report["demos"]["leaf-restart"]
    assert facts["is_back"]
    assert facts["lost"] > 0  # else nobody was killed
    assert facts["bystanders_lost"] == 0


def test_a_controller_that_was_killed_loses_no_packet_and_writes_nothing(example_run: Finished) -> None:
    facts = example_run.report["demos"]["controller-restart"]
    assert facts["sent"] > 100
    assert (facts["lost"], facts["written"]) == (0, 0)


def test_a_fabric_goes_round_a_link_that_is_cut(example_run: Finished) -> None:
    facts = example_run.report["demos"]["link-cut"]
    assert facts["carried"] > 10  # else it was not on the way
    assert (facts["lost"]["after"], facts["lost"]["mended"]) == (0, 0)


def test_no_switch_ends_when_all_links_of_a_leaf_are_cut(example_run: Finished) -> None:
    facts = example_run.report["demos"]["leaf-cut-off"]
    assert facts["ended"] == []
    assert facts["cut_off"] > 10  # else nothing came for a group all of whose ports were down


def test_a_linux_vxlan_device_is_a_foreign_vtep(example_run: Finished) -> None:
    facts = example_run.report["demos"]["vtep"]
    assert set(facts) == {"red/prod/web-1", "red/prod/web-2", "red/prod/web-3"}
    good = {"there": 10, "back": 10, "is_mac_right": True}
    assert all(fact == {"ipv4": good, "ipv6": good} for fact in facts.values())
