# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from topo import render
from topo.drops import Drop, difference
from topo.expect import Expectation
from topo.matrix import Outcome

A, B, C = "red/prod/a", "red/prod/b", "blue/prod/b"
PERMITTED = Expectation(is_reachable=True, is_delivered=True, drop_reason=None)
REFUSED = Expectation(is_reachable=False, is_delivered=False, drop_reason="policy")
REPLY_REFUSED = Expectation(is_reachable=False, is_delivered=True, drop_reason="policy")
POLICY = (Drop("leaf1", "policy", 1),)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"expected": PERMITTED, "is_replied": True, "arrivals": (B,)}, None),
        ({"expected": PERMITTED, "is_replied": False, "arrivals": (), "drops": POLICY}, "no reply (policy at leaf1)"),
        ({"expected": PERMITTED, "is_replied": False, "arrivals": ()}, "no reply (and no drop counted)"),
        ({"expected": PERMITTED, "is_replied": True, "arrivals": (B, B)}, "arrived 2 times"),
        ({"expected": PERMITTED, "is_replied": True, "arrivals": (B, C)}, "reached blue/prod/b"),
        ({"expected": PERMITTED, "is_replied": True, "arrivals": ()}, "arrived 0 times"),
        ({"expected": REFUSED, "is_replied": False, "arrivals": (), "drops": POLICY}, None),
        ({"expected": REFUSED, "is_replied": True, "arrivals": (B,)}, "reply to a ping that no rule allows"),
        (
            {"expected": REFUSED, "is_replied": False, "arrivals": (B,), "drops": POLICY},
            "the request arrived, and no rule allows it",
        ),
        ({"expected": REPLY_REFUSED, "is_replied": False, "arrivals": (B,), "drops": POLICY}, None),
        ({"expected": REFUSED, "is_replied": False, "arrivals": ()}, "lost, and no drop counted"),
        (
            {"expected": REFUSED, "is_replied": False, "arrivals": (), "drops": (Drop("leaf1", "spoof", 1),)},
            "dropped as spoof instead of policy",
        ),
        ({"expected": REFUSED, "is_replied": False, "arrivals": (C,), "drops": POLICY}, "reached blue/prod/b"),
    ],
)
def test_a_problem_is_anything_that_the_intents_do_not_say(fields: dict[str, Any], problem: str | None) -> None:
    outcome = Outcome(A, B, 4, **fields)
    assert outcome.problem == problem
    assert render.is_as_expected([outcome]) is (problem is None)


def test_nothing_seen_is_not_as_expected() -> None:
    assert not render.is_as_expected([])


def test_the_difference_of_drop_counters_names_what_grew() -> None:
    before = {("leaf1", "policy"): 3, ("leaf1", "spoof"): 1}
    after = {("leaf1", "policy"): 5, ("leaf1", "spoof"): 1, ("leaf2", "no_route"): 1}
    assert difference(before, after) == (Drop("leaf1", "policy", 2), Drop("leaf2", "no_route", 1))
    assert [str(drop) for drop in difference(before, after)] == ["policy x2 at leaf1", "no_route at leaf2"]


def test_a_switch_that_restarted_has_smaller_counters_and_no_difference() -> None:
    assert difference({("leaf1", "policy"): 3}, {("leaf1", "policy"): 0}) == ()
