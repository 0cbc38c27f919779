# SPDX-License-Identifier: Apache-2.0
"""What counts as evidence against a link, and what does not."""

from dataclasses import dataclass, field

import pytest

from p4vpc.intent import ObjectId
from p4vpc.services.links.hearing import FRAMES_TO_LOSE
from p4vpc.services.links.lldp import Sender
from p4vpc.services.links.monitor import LinkMonitor, LinkOptions, LinkState, LinkStatus
from tests.unit.p4vpc.model.world import build, world

LINK1, LINK2, ROUTER = (ObjectId("link", name) for name in ("leaf1-spine1", "leaf2-spine1", "leaf2-router"))
"""Ports: leaf1:1 - spine1:1, leaf2:1 - spine1:2, leaf2:9 - a router."""


@dataclass
class Watch:
    """A monitor of the small world, on a clock of the test's own."""

    now: float = 100.0
    sessions: dict[str, int] = field(default_factory=lambda: {"leaf1": 1, "leaf2": 1, "spine1": 1})
    news: list[LinkStatus] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.monitor = LinkMonitor(LinkOptions(), self.sessions.get, self.news.append, lambda: self.now)
        self.monitor.set_links(build(world()))

    def exchange(self, rounds: int = 1, *, lost: tuple[tuple[str, int], ...] = ()) -> None:
        """Both ends of each link send; what arrives at a place in `lost` does not."""
        ends = [("leaf1", 1), ("spine1", 1), ("leaf2", 1), ("spine1", 2)]
        peers = {ends[0]: ends[1], ends[1]: ends[0], ends[2]: ends[3], ends[3]: ends[2]}
        for _ in range(rounds):
            for (switch, port), far in peers.items():
                if switch in self.sessions:
                    self.monitor.lldp_sent(switch, port)
                    if far not in lost and far[0] in self.sessions:
                        self.monitor.lldp_heard(*far, Sender(switch, str(port)))

    def link(self, name: str) -> LinkStatus:
        (found,) = (link for link in self.monitor.status() if link.name == name)
        return found


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_without_news_links_are_unknown_and_count_as_up(watch: Watch) -> None:
    assert [(link.name, link.a, link.b, link.state) for link in watch.monitor.status()] == [
        ("leaf1-spine1", "leaf1:1", "spine1:1", LinkState.UNKNOWN),
        ("leaf2-router", "leaf2:9", "02:00:00:00:99:01", LinkState.UNKNOWN),
        ("leaf2-spine1", "leaf2:1", "spine1:2", LinkState.UNKNOWN),
    ]
    assert watch.monitor.down_links() == frozenset()


def test_a_port_that_is_down_at_either_end_takes_its_link_down_at_once(watch: Watch) -> None:
    watch.monitor.set_ports("leaf1", {1: True, 5: False})
    watch.monitor.set_ports("leaf2", {1: True, 9: False})
    assert watch.monitor.down_links() == {ROUTER}
    watch.monitor.set_ports("spine1", {1: False, 2: True})
    assert watch.monitor.down_links() == {LINK1, ROUTER}
    assert watch.link("leaf1-spine1") == LinkStatus(
        "leaf1-spine1", "leaf1:1", "spine1:1", LinkState.DOWN, "port 1 of spine1 is down", 1
    )
    assert watch.link("leaf2-spine1").state is LinkState.UP
    assert [link.name for link in watch.news] == ["leaf2-router", "leaf1-spine1"]


def test_a_link_that_is_up_again_counts_after_the_hold(watch: Watch) -> None:
    watch.monitor.set_ports("spine1", {1: False})
    watch.monitor.set_ports("spine1", {1: True})
    assert watch.monitor.down_links() == {LINK1}
    assert watch.link("leaf1-spine1").state is LinkState.RECOVERING
    assert watch.monitor.seconds_to_next() == LinkOptions().hold
    watch.now += LinkOptions().hold
    assert watch.monitor.down_links() == frozenset()
    assert watch.monitor.seconds_to_next() is None
    assert watch.link("leaf1-spine1").state is LinkState.UP


def test_lldp_that_is_lost_takes_the_link_down_and_comes_back_with_it(watch: Watch) -> None:
    watch.exchange(5)
    watch.exchange(FRAMES_TO_LOSE, lost=(("spine1", 1),))
    assert watch.monitor.down_links() == frozenset(), "the last of them may still be on its way"
    watch.exchange(1, lost=(("spine1", 1),))
    assert watch.monitor.down_links() == {LINK1}
    assert watch.link("leaf1-spine1").detail == "LLDP from port 1 of leaf1 comes in no more at port 1 of spine1"
    watch.exchange()
    assert watch.link("leaf1-spine1").state is LinkState.RECOVERING
    watch.now += LinkOptions().hold
    assert watch.monitor.down_links() == frozenset()


def test_lost_sessions_change_nothing(watch: Watch) -> None:
    """The management network dies: whatever was known of links stays, up or down."""
    watch.exchange(2)
    watch.monitor.set_ports("leaf1", {1: True})
    watch.monitor.set_ports("spine1", {1: True, 2: False})
    before = watch.monitor.status()
    for gone in ("spine1", "leaf1", "leaf2"):
        del watch.sessions[gone]
        watch.exchange(10)
        watch.now += 1000
        assert watch.monitor.status() == before
    assert watch.monitor.down_links() == {LINK2}


def test_a_session_that_comes_back_counts_anew(watch: Watch) -> None:
    watch.exchange(2)
    watch.exchange(FRAMES_TO_LOSE, lost=(("spine1", 1),))
    watch.sessions["spine1"] = 2
    watch.exchange(FRAMES_TO_LOSE, lost=(("spine1", 1),))
    assert watch.monitor.down_links() == frozenset()
    watch.exchange(1, lost=(("spine1", 1),))
    assert watch.monitor.down_links() == {LINK1}
    watch.sessions["spine1"] = 3
    watch.exchange(1, lost=(("spine1", 1),))
    assert watch.monitor.down_links() == {LINK1}, "a new session is no reason to believe in the link again"


def test_a_neighbour_that_was_never_heard_is_reported_and_counts_as_up(watch: Watch) -> None:
    watch.exchange(FRAMES_TO_LOSE, lost=(("spine1", 1),))
    assert watch.link("leaf1-spine1").detail == "LLDP from port 1 of leaf1 has never come in at port 1 of spine1"
    watch.exchange(10, lost=(("spine1", 1),))
    assert watch.monitor.down_links() == frozenset()
    assert [found.name for found in watch.news if found.detail] == ["leaf1-spine1"], "said once"


def test_a_wrong_cable_names_both_ends_and_takes_the_link_down(watch: Watch) -> None:
    watch.monitor.lldp_heard("leaf1", 1, Sender("spine1", "2"))
    watch.monitor.lldp_heard("spine1", 2, Sender("leaf1", "1"))
    assert watch.monitor.down_links() == {LINK1, LINK2}
    assert (
        watch.link("leaf1-spine1").detail
        == "wrong cable: port 1 of leaf1 leads to port 2 of spine1, not to port 1 of spine1"
    )
    assert (
        watch.link("leaf2-spine1").detail
        == "wrong cable: port 2 of spine1 leads to port 1 of leaf1, not to port 1 of leaf2"
    )


def test_cables_that_are_swapped_later_are_found_and_forgotten_when_they_are_right_again(watch: Watch) -> None:
    watch.exchange(2)
    watch.monitor.lldp_heard("leaf1", 1, Sender("spine1", "2"))
    assert watch.monitor.down_links() == frozenset(), "the expected neighbour is there as well"
    watch.exchange(FRAMES_TO_LOSE, lost=(("leaf1", 1),))
    watch.monitor.lldp_heard("leaf1", 1, Sender("spine1", "2"))
    assert watch.monitor.down_links() == {LINK1}
    watch.exchange()
    watch.now += LinkOptions().hold
    assert (watch.monitor.down_links(), watch.link("leaf1-spine1").detail) == (frozenset(), "")


def test_lldp_of_routers_says_nothing(watch: Watch) -> None:
    watch.monitor.lldp_heard("leaf2", 9, Sender("router", "eth0"))
    watch.monitor.lldp_heard("leaf2", 30, Sender("router", "eth0"))
    assert (watch.news, watch.monitor.down_links()) == ([], frozenset())


def test_links_that_stay_keep_what_is_known_and_those_with_other_ends_do_not(watch: Watch) -> None:
    watch.monitor.set_ports("spine1", {1: False, 2: False, 3: True})
    moved = "kind: link\nname: leaf2-spine1\na: {switch: leaf2, port: 1}\nb: {switch: spine1, port: 3}\n"
    watch.monitor.set_links(build(world(moved)))
    assert watch.monitor.down_links() == {LINK1}
    assert watch.link("leaf1-spine1").flaps == 1
    watch.monitor.set_links(build(world(without=["link leaf1-spine1"])))
    assert watch.monitor.down_links() == {LINK2}, "at port 2 again, which is down as before"
