# SPDX-License-Identifier: Apache-2.0
"""Who takes and gives up which switches: everything finds an owner, nothing flaps."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from p4vpc.services.leases.shares import Situation, decide
from p4vpc.store import Lease, LeaseChanges, LeaseTable, Member

NOTHING = LeaseChanges([], [], {}, [])
SWITCHES = ("leaf1", "leaf2", "leaf3", "leaf4", "leaf5")


def table(live: Collection[str], owners: Mapping[str, str | None], dead: Collection[str] = ()) -> LeaseTable:
    members = {name: Member(name, "", "", name in live, 0, frozenset()) for name in (*live, *dead)}
    return LeaseTable(members, {switch: Lease(owner, 1, False) for switch, owner in owners.items()})


def situation(name: str, **options: object) -> Situation:
    plain = Situation(name, SWITCHES, SWITCHES, (), (), (), is_patient=False, is_settled=False)
    return replace(plain, **options)  # type: ignore[arg-type]


def applied(before: LeaseTable, name: str, changes: LeaseChanges) -> LeaseTable:
    leases = dict(before.leases)
    for switch in changes.take:
        epoch = leases[switch].epoch + 1 if switch in leases else 1
        leases[switch] = Lease(name, epoch, False)
    for switch in changes.give:
        leases[switch] = replace(leases[switch], owner=None)
    for switch, is_unreachable in changes.mark.items():
        leases[switch] = replace(leases[switch], is_unreachable=is_unreachable)
    for switch in changes.forget:
        del leases[switch]
    return LeaseTable(before.members, leases)


def test_the_first_controller_takes_everything() -> None:
    assert decide(table(["a"], {}), situation("a")).take == list(SWITCHES)


def test_what_is_not_connected_is_not_taken() -> None:
    assert decide(table(["a"], {}), situation("a", connected=("leaf2",))).take == ["leaf2"]


def test_nobody_takes_more_than_its_share_while_others_have_room() -> None:
    first = decide(table(["a", "b"], {}), situation("a"))
    assert first.take == ["leaf1", "leaf2", "leaf3"]
    second = decide(applied(table(["a", "b"], {}), "a", first), situation("b"))
    assert second.take == ["leaf4", "leaf5"]


def test_who_joins_gets_a_part_when_the_controllers_have_been_the_same_for_a_while() -> None:
    full = table(["a", "b"], dict.fromkeys(SWITCHES, "a"))
    assert decide(full, situation("a")) == NOTHING
    changes = decide(full, situation("a", is_settled=True))
    assert changes.give == ["leaf4", "leaf5"]
    after = applied(full, "a", changes)
    assert decide(after, situation("a", is_settled=True)) == NOTHING
    after = applied(after, "b", decide(after, situation("b")))
    for name in ("a", "b"):
        assert decide(after, situation(name, is_settled=True)) == NOTHING


def test_a_dead_controllers_switches_are_taken_but_not_by_who_has_only_just_come_back() -> None:
    orphaned = table(["b"], dict.fromkeys(SWITCHES, "a"), dead=["a"])
    assert decide(orphaned, situation("b", is_patient=True)).take == []
    assert decide(orphaned, situation("b")).take == list(SWITCHES)
    assert decide(table(["b"], dict.fromkeys(SWITCHES, "nobody")), situation("b", is_patient=True)).take == list(
        SWITCHES
    )


def test_a_switch_that_its_owner_cannot_reach_goes_to_who_can_and_stays_there() -> None:
    before = table(["a", "b"], {"leaf1": "a", "leaf2": "a", "leaf3": "a", "leaf4": "b", "leaf5": "b"})
    reach = tuple(switch for switch in SWITCHES if switch != "leaf1")
    changes = decide(before, situation("a", connected=reach, lost=("leaf1",), is_settled=True))
    assert changes.mark == {"leaf1": True}
    marked = applied(before, "a", changes)
    assert decide(marked, situation("b", connected=reach)).take == []
    taken = applied(marked, "b", decide(marked, situation("b")))
    assert taken.leases["leaf1"] == Lease("b", 2, False)
    assert decide(taken, situation("b", needed=("leaf1",), is_settled=True)).give == []
    assert decide(taken, situation("a", connected=reach, is_settled=True)) == NOTHING


def test_a_switch_is_not_unreachable_any_more_when_there_is_a_session_again() -> None:
    marked = LeaseTable(table(["a"], {}).members, {"leaf1": Lease("a", 1, True)})
    alone = situation("a", switches=("leaf1",), connected=())
    assert decide(marked, alone).mark == {}
    assert decide(marked, replace(alone, connected=("leaf1",))).mark == {"leaf1": False}


def test_what_nobody_else_takes_is_taken_beyond_the_share() -> None:
    before = table(["a", "b"], {"leaf1": None, "leaf2": "a", "leaf3": "a", "leaf4": "a", "leaf5": "b"})
    assert decide(before, situation("a")).take == []
    assert decide(before, situation("a", spurned=("leaf1",))).take == ["leaf1"]


def test_leases_of_switches_that_are_no_more_are_forgotten() -> None:
    assert decide(table(["a"], {"leaf9": "a", "leaf8": "b"}), situation("a")).forget == ["leaf9"]


@given(
    owners=st.dictionaries(st.sampled_from(SWITCHES), st.sampled_from(["a", "b", "c", "dead", None])),
    live=st.sets(st.sampled_from(["a", "b", "c"]), min_size=1),
)
def test_everything_has_a_live_owner_soon_and_then_nothing_moves(
    owners: Mapping[str, str | None], live: Collection[str]
) -> None:
    now = table(sorted(live), owners, dead=sorted({"a", "b", "c", "dead"} - set(live)))
    for _ in range(4):
        for name in sorted(live):
            now = applied(now, name, decide(now, situation(name, is_settled=True)))
    counts = [sum(lease.owner == name for lease in now.leases.values()) for name in live]
    assert sum(counts) == len(SWITCHES)
    assert max(counts) <= -(-len(SWITCHES) // len(live))
    for name in live:
        assert decide(now, situation(name, is_settled=True)) == NOTHING
