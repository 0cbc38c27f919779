# SPDX-License-Identifier: Apache-2.0
"""Identifiers: durable, unique while anybody may hold them, exhausted with a clear error."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p4vpc.errors import ExhaustedError
from p4vpc.intent import Claim, ClaimId, IdentifierPlan, Tenant
from p4vpc.store import Put, Store


def claim(owner: str, low: int = 1, high: int = 3, pool: str = "vni") -> Claim:
    return Claim(ClaimId(pool, owner), low, high, f"subnet {owner}")


def allocate(store: Store, *claims: Claim) -> dict[str, int]:
    """Every number in use after the claims were given theirs."""
    done = store.commit([], "x", identifiers=IdentifierPlan(allocate=claims))
    held = store.snapshot().identifiers.numbers
    assert done.allocated == {claim.id: held[claim.id] for claim in claims}
    return {claim_id.owner: number for claim_id, number in held.items()}


def retire(store: Store, *owners: str) -> int:
    return store.commit([], "x", identifiers=IdentifierPlan(retire=tuple(ClaimId("vni", o) for o in owners))).revision


def test_numbers_are_distinct_within_a_pool_and_independent_between_pools(url: str) -> None:
    with Store(url) as store:
        done = store.commit(
            [], "x", identifiers=IdentifierPlan((claim("b"), claim("a"), claim("a", pool="vrf", low=7, high=9)))
        )
        assert done.allocated == {ClaimId("vni", "a"): 1, ClaimId("vni", "b"): 2, ClaimId("vrf", "a"): 7}
        assert store.snapshot().identifiers.numbers == done.allocated


def test_allocating_twice_changes_nothing(url: str) -> None:
    with Store(url) as store:
        assert allocate(store, claim("a")) == allocate(store, claim("a")) == {"a": 1}


def test_numbers_survive_a_restart(url: str) -> None:
    with Store(url) as store:
        allocate(store, claim("a"), claim("b"))
        retire(store, "a")
    with Store(url) as store:
        assert allocate(store, claim("c")) == {"b": 2, "c": 3}
        with pytest.raises(ExhaustedError):
            allocate(store, claim("d"))


def test_a_retired_number_is_not_given_to_another_until_all_switches_have_moved_on(url: str) -> None:
    with Store(url) as store:
        allocate(store, claim("a"), claim("b"), claim("c"))
        revision = retire(store, "b")
        with pytest.raises(ExhaustedError):
            allocate(store, claim("d"))
        assert store.release_retired(revision - 1) == 0
        with pytest.raises(ExhaustedError):
            allocate(store, claim("d"))
        assert store.release_retired(revision) == 1
        assert allocate(store, claim("d")) == {"a": 1, "c": 3, "d": 2}


def test_the_last_owner_gets_its_retired_number_back(url: str) -> None:
    with Store(url) as store:
        allocate(store, claim("a"), claim("b"))
        revision = retire(store, "a")
        assert store.snapshot().identifiers.get("vni", "a") is None
        assert allocate(store, claim("a")) == {"a": 1, "b": 2}
        assert store.release_retired(revision + 10) == 0


def test_the_last_owner_does_not_get_a_number_back_that_no_longer_will_do(url: str) -> None:
    with Store(url) as store:
        allocate(store, claim("a"))
        retire(store, "a")
        assert allocate(store, claim("a", low=10, high=20)) == {"a": 10}


def test_released_numbers_rest_as_long_as_possible(url: str) -> None:
    with Store(url) as store:
        allocate(store, claim("a", high=4), claim("b", high=4))
        store.release_retired(retire(store, "a"))
        assert allocate(store, claim("c", high=4), claim("d", high=4), claim("e", high=4)) == {
            "b": 2,
            "c": 3,
            "d": 4,
            "e": 1,
        }


def test_exhaustion_names_everybody_who_got_none_and_undoes_the_commit(url: str) -> None:
    with Store(url) as store:
        allocate(store, claim("a"), claim("b"))
        before = store.snapshot()
        with pytest.raises(ExhaustedError) as caught:
            store.commit(
                [Put(Tenant(name="t"))],
                "x",
                identifiers=IdentifierPlan((claim("c"), claim("d"), claim("e"), claim("z", pool="vrf"))),
            )
        assert [problem.object for problem in caught.value.problems] == ["subnet d", "subnet e"]
        assert "no vni left from 1 to 3" in caught.value.problems[0].message
        assert store.snapshot() == before


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(["allocate", "retire", "release"]), st.sampled_from("abcdef")), max_size=25))
def test_no_number_is_ever_held_by_two(new_url: Callable[[], str], history: list[tuple[str, str]]) -> None:
    """A switch that lags behind holds every number retired after the revision it has realised."""
    held: dict[int, str] = {}
    current: dict[str, int] = {}
    with Store(new_url()) as store:
        for action, owner in history:
            if action == "release":
                store.release_retired(store.revision)
                held = {number: name for number, name in held.items() if current.get(name) == number}
            elif action == "retire":
                retire(store, owner)
                current.pop(owner, None)
            else:
                try:
                    numbers = allocate(store, claim(owner, high=4))
                except ExhaustedError:
                    assert len(held) == 4
                    continue
                assert held.setdefault(numbers[owner], owner) == owner
                assert current.setdefault(owner, numbers[owner]) == numbers[owner]
            numbers_now = store.snapshot().identifiers.numbers
            assert {claim_id.owner: number for claim_id, number in numbers_now.items()} == current


def test_claims_of_one_pool_with_different_bounds_do_not_collide(url: str) -> None:
    with Store(url) as store:
        claims = [claim("a", 5, 5), claim("b", 1, 9), claim("c", 1, 5), claim("d", 1, 6), claim("e", 1, 5)]
        assert allocate(store, *claims) == {"a": 5, "b": 6, "c": 1, "d": 2, "e": 3}
        assert allocate(store, claim("f", 1, 5), claim("g", 1, 7), claim("h", 8, 9))["f"] == 4
