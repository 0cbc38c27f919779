# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is in a roll-out: one switch of all, and its owner's to take and to end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from p4vpc.store import LeaseChanges, Registration, Store, Turn

ONE, TWO = Registration("one", "process 1"), Registration("two", "process 2")
ALL = ("leaf1", "leaf2", "leaf3")


@contextmanager
def two_controllers(url: str) -> Iterator[Store]:
    """One owns leaf1 and leaf3, two owns leaf2."""
    with Store(url) as store:
        for me, switches in ((ONE, ["leaf1", "leaf3"]), (TWO, ["leaf2"])):
            store.join(me, "", 60)
            store.renew(me, 60, lambda _, switches=switches: LeaseChanges(take=switches))  # type: ignore[misc]
        yield store


def test_it_is_one_switchs_turn_until_its_owner_says_that_it_is_done(url: str) -> None:
    with two_controllers(url) as store:
        assert store.reports(0)[0].turn is None
        assert store.take_turn(ONE, "leaf1", 1, ALL) == Turn("leaf1")
        assert store.take_turn(TWO, "leaf2", 1, ALL) == Turn("leaf1")
        assert store.take_turn(ONE, "leaf3", 1, ALL) == Turn("leaf1")
        assert store.reports(0)[0].turn == Turn("leaf1")
        assert store.end_turn(TWO, "leaf2") == Turn("leaf1")
        assert store.end_turn(ONE, "leaf1") is None
        assert store.take_turn(TWO, "leaf2", 1, ALL) == Turn("leaf2")


def test_why_it_does_not_go_on_is_kept_for_all(url: str) -> None:
    with two_controllers(url) as store:
        store.take_turn(ONE, "leaf1", 1, ALL)
        assert store.end_turn(ONE, "leaf1", "refused") == Turn("leaf1", "refused")
        assert store.end_turn(ONE, "leaf3", "not its turn") == Turn("leaf1", "refused")
        assert store.take_turn(TWO, "leaf2", 1, ALL) == Turn("leaf1", "refused")
        assert store.reports(0)[0].turn == Turn("leaf1", "refused")


def test_the_turn_goes_with_the_switch_to_a_new_owner(url: str) -> None:
    with two_controllers(url) as store:
        store.take_turn(ONE, "leaf1", 1, ALL)
        store.renew(TWO, 60, lambda _: LeaseChanges(take=["leaf1"]))
        assert store.end_turn(ONE, "leaf1") == Turn("leaf1"), "it is not its any more"
        assert store.take_turn(TWO, "leaf1", 1, ALL) == Turn("leaf1")
        assert store.end_turn(TWO, "leaf1") is None
        assert store.take_turn(ONE, "leaf1", 1, ALL) is None, "who does not own a switch cannot take its turn"


def test_a_process_that_was_replaced_has_no_say(url: str) -> None:
    with two_controllers(url) as store:
        later = Registration("one", "process 3")
        store.join(later, "", 60)
        store.renew(later, 60, lambda _: LeaseChanges(take=["leaf1"]))
        assert store.take_turn(ONE, "leaf1", 1, ALL) is None
        assert store.take_turn(later, "leaf1", 1, ALL) == Turn("leaf1")
        assert store.end_turn(ONE, "leaf1") == Turn("leaf1")


def test_a_switch_that_is_no_more_has_lost_its_turn_to_whoever_knows_that(url: str) -> None:
    with two_controllers(url) as store:
        store.take_turn(ONE, "leaf1", 7, ALL)
        rest = ("leaf2", "leaf3")
        assert store.take_turn(TWO, "leaf2", 6, rest) == Turn("leaf1"), "at revision 6 there was no leaf1 yet"
        assert store.take_turn(TWO, "leaf2", 8, rest) == Turn("leaf2")


def test_of_two_that_ask_at_once_one_gets_it(url: str) -> None:
    start = threading.Barrier(2)
    found: list[Turn | None] = []

    def ask(me: Registration, switch: str) -> None:
        with Store(url) as own:
            start.wait()
            found.append(own.take_turn(me, switch, 1, ALL))

    with two_controllers(url) as store:
        threads = [threading.Thread(target=ask, args=it) for it in ((ONE, "leaf1"), (TWO, "leaf2"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 2
        assert set(found) == {store.reports(0)[0].turn}
