# SPDX-License-Identifier: Apache-2.0
"""Moves under way: who goes first, who redirects, until when."""

from dataclasses import replace

import pytest

from p4vpc.intent import ObjectId
from p4vpc.model import LocalPlace, Model
from p4vpc.services.moves import Moves, first_places
from p4vpc.store import Departure
from tests.unit.p4vpc.model.world import build, world

PORT = ObjectId("port", "red/prod/web-1")
BASE = build(world())


def model(revision: int, switch: str | None) -> Model:
    """The world at a revision, with the port at a switch; behind a foreign VTEP for "far", unbound for None."""
    place = None if switch is None else LocalPlace(switch, 20, 0, 1)
    far = replace(BASE.vpcs["red/prod"].foreign_vteps[0], tunnel_index=9)
    vpc = BASE.vpcs["red/prod"]
    ports = tuple(replace(it, place=far if switch == "far" else place) if it.id == PORT else it for it in vpc.ports)
    return replace(BASE, revision=revision, vpcs={**BASE.vpcs, "red/prod": replace(vpc, ports=ports)})


def left(switch: str, revision: int) -> list[Departure]:
    return [Departure(PORT, switch, revision)]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def moves(clock: Clock) -> Moves:
    return Moves(clock, limit=10.0)


def test_nothing_moves_at_first(moves: Moves) -> None:
    moves.follow(model(1, "leaf1"), [])
    assert not moves
    assert (moves.awaited(), moves.redirects(), moves.prospects()) == ({}, {}, {})


def test_the_new_place_goes_first_then_the_old_one_redirects_until_all_have_acknowledged(moves: Moves) -> None:
    moves.follow(model(2, "leaf2"), left("leaf1", 2))
    assert moves.awaited() == {"leaf2": 2}
    assert moves.redirects() == {}
    assert moves.prospects() == {"leaf1": {PORT}}
    moves.confirm({"leaf1": 2, "leaf2": 1})
    assert moves.redirects() == {}
    moves.confirm({"leaf1": 1, "leaf2": 2})
    assert moves.awaited() == {}
    assert moves.redirects() == {"leaf1": {PORT}}
    moves.confirm({"leaf1": 1, "leaf2": 0})
    assert moves.redirects() == {"leaf1": {PORT}}, "a switch that writes something else has not forgotten it"
    moves.acknowledge(1)
    assert moves.redirects() == {"leaf1": {PORT}}
    moves.acknowledge(2)
    assert not moves
    assert moves.redirects() == {}


def test_whoever_is_waited_for_in_vain_is_redirected_to_when_ready(moves: Moves, clock: Clock) -> None:
    moves.follow(model(2, "leaf2"), left("leaf1", 2))
    moves.bide(1, 5.0)
    assert moves.give_up(lambda _: False) == set()
    clock.now = 5.0
    assert moves.give_up(lambda _: False) == {"leaf2"}
    assert (moves.awaited(), moves.prospects(), moves.redirects()) == ({}, {}, {})
    moves.confirm({"leaf2": 2})
    assert moves.redirects() == {"leaf1": {PORT}}


def test_every_old_place_redirects_to_the_last_one(moves: Moves) -> None:
    moves.follow(model(2, "leaf2"), left("leaf1", 2))
    moves.confirm({"leaf2": 2})
    moves.follow(model(3, "leaf3"), left("leaf2", 3))
    assert moves.redirects() == {}, "nobody redirects to leaf3 before it is ready, also who did to leaf2"
    moves.confirm({"leaf3": 2})
    assert moves.redirects() == {}
    moves.confirm({"leaf3": 3})
    assert moves.redirects() == {"leaf1": {PORT}, "leaf2": {PORT}}
    moves.acknowledge(2)
    assert moves.redirects() == {"leaf2": {PORT}}


def test_a_port_that_comes_back_is_not_redirected_from_there(moves: Moves) -> None:
    moves.follow(model(2, "leaf2"), left("leaf1", 2))
    moves.confirm({"leaf2": 2})
    moves.follow(model(3, "leaf1"), left("leaf2", 3))
    assert moves.awaited() == {"leaf1": 3}
    moves.confirm({"leaf1": 2, "leaf2": 3})
    assert moves.redirects() == {}, "leaf1 redirects to leaf2 as long as it is at revision 2"
    moves.confirm({"leaf1": 3})
    assert moves.redirects() == {"leaf2": {PORT}}


def test_behind_a_foreign_vtep_nobody_needs_to_be_ready(moves: Moves) -> None:
    moves.follow(model(2, "far"), left("leaf1", 2))
    assert moves.awaited() == {}
    assert moves.redirects() == {"leaf1": {PORT}}


def test_what_is_unbound_or_deleted_is_not_redirected_to(moves: Moves) -> None:
    moves.follow(model(2, "leaf2"), left("leaf1", 2))
    moves.confirm({"leaf2": 2})
    moves.follow(model(3, None), left("leaf2", 3))
    assert moves.redirects() == {}
    moves.follow(model(4, "leaf2"), [])
    assert moves.awaited() == {"leaf2": 4}
    moves.confirm({"leaf2": 3})
    assert moves.redirects() == {}
    moves.confirm({"leaf2": 4})
    assert moves.redirects() == {"leaf1": {PORT}}
    gone = build(world(without=("port red/prod/web-1",)))
    moves.follow(gone, [])
    assert not moves


def test_after_the_limit_nobody_redirects(moves: Moves, clock: Clock) -> None:
    moves.follow(model(2, "leaf2"), left("leaf1", 2))
    moves.confirm({"leaf2": 2})
    clock.now = 9.9
    moves.expire()
    assert moves.redirects() == {"leaf1": {PORT}}
    clock.now = 10.0
    moves.expire()
    assert not moves


def test_who_is_away_is_not_waited_for(moves: Moves) -> None:
    moves.follow(model(2, "leaf2"), left("leaf1", 2))
    assert moves.give_up(lambda _: True) == set(), "nobody has said for how long yet"
    moves.bide(1, 5.0)
    assert moves.late() == {"leaf2"}
    assert moves.give_up(lambda name: name == "leaf2") == {"leaf2"}
    assert (moves.awaited(), moves.late(), moves.prospects()) == ({}, set(), {})


def test_only_moves_that_are_new_are_led(moves: Moves) -> None:
    moves.follow(model(2, "leaf2"), left("leaf1", 2))
    assert (moves.awaited(1), moves.prospects(1)) == ({"leaf2": 2}, {"leaf1": {PORT}})
    assert (moves.awaited(2), moves.prospects(2)) == ({}, {})
    moves.confirm({"leaf2": 2})
    assert moves.prospects(2) == {"leaf1": {PORT}}


def test_who_has_to_do_with_the_vpc_is_held_back_until_the_new_place_is_ready(moves: Moves) -> None:
    there = BASE.vpcs["red/prod"].switches | BASE.vpcs["red/prod"].candidate_switches
    assert len(there) > 1
    moves.follow(model(2, "leaf9"), left("leaf1", 2))
    assert moves.held_back(model(2, "leaf9")) == there | {"leaf1"}
    assert moves.held_back(model(2, "leaf9"), 2) == set(), "that move is no news"
    moves.confirm({"leaf9": 2})
    assert moves.held_back(model(2, "leaf9")) == set()


def test_an_old_place_with_nothing_else_of_the_vpc_is_held_back_and_a_new_one_is_not(moves: Moves) -> None:
    moves.follow(model(2, "leaf2"), [Departure(PORT, "leaf9", 2)])
    held = moves.held_back(model(2, "leaf2"))
    assert "leaf9" in held
    assert "leaf2" not in held


def test_new_places_are_held_back_by_older_moves_only(moves: Moves) -> None:
    """Two that wait for each other would both wait in vain."""
    other = next(port.id for port in BASE.vpcs["red/prod"].ports if port.id != PORT and port.switch == "leaf2")
    moves.follow(model(2, "leaf2"), left("leaf1", 2))

    def both(revision: int) -> Model:
        moved = model(revision, "leaf2")
        vpc = moved.vpcs["red/prod"]
        ports = tuple(replace(it, place=LocalPlace("leaf1", 21, 0, 2)) if it.id == other else it for it in vpc.ports)
        return replace(moved, vpcs={**moved.vpcs, "red/prod": replace(vpc, ports=ports)})

    moves.follow(both(3), [Departure(other, "leaf2", 3)])
    assert moves.awaited() == {"leaf2": 2, "leaf1": 3}
    held = moves.held_back(both(3))
    assert "leaf1" in held, "it gets the port in its turn"
    assert "leaf2" not in held, "the other one comes from there, but it goes first"
    moves.confirm({"leaf2": 2})
    assert "leaf1" not in moves.held_back(both(3))
    assert "leaf2" in moves.held_back(both(3))


def test_a_leaf_is_new_to_a_vpc_that_has_neither_a_port_nor_a_candidate_there() -> None:
    before, there = build(world()), {"leaf2"}
    moved = 'kind: port\ntenant: red\nvpc: lab\nname: web-1\nsubnet: web\nmac: "02:00:00:00:01:01"\n'
    moved += "addresses: [10.0.1.11]\nattachment: {switch: leaf2, port: 40}\n"
    after = build(world(moved))
    assert first_places(before, after, there) == {"red/lab": there}
    assert first_places(before, after, {"leaf1"}) == {}, "nothing that moves arrives there"
    assert first_places(after, after, there) == {}
    candidate = build(
        world(moved.replace("leaf2, port: 40}", "leaf1, port: 41}\ncandidates: [{switch: leaf2, port: 40}]"))
    )
    assert first_places(candidate, after, there) == {}, "it is a peer already"
