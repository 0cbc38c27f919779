# SPDX-License-Identifier: Apache-2.0
"""A port that moves about on a fabric whose leaves learn of it late, in any order: no loops, no copies, and an end."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from p4vpc.compiler import NOBODY, DesiredState, compile_switch
from p4vpc.intent import from_document, to_document
from p4vpc.model import Model
from p4vpc.services.moves import Moves
from p4vpc.store import Departure
from tests.pipeline.entries import apply
from tests.pipeline.fabric import Delivery, HostPort, MemoryFabric, hosts

LEAVES = ("leaf1", "leaf2", "leaf3")
TARGET = "red/prod/web-2"
SOURCES = ("red/prod/web-1", "red/prod/web-3", "red/prod/db-1")
ALLOW_ALL = [
    {"direction": "ingress", "protocol": "any", "peer": {"cidr": prefix}} for prefix in ("10.0.0.0/8", "fd00::/8")
]


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class SlowFabric:
    """The example's fabric, a controller's order of events, and leaves that do what they are told when they like."""

    fabric: MemoryFabric
    clock: Clock = field(default_factory=Clock)
    revision: int = 1
    at: str = "leaf2"

    def __post_init__(self) -> None:
        self.moves = Moves(self.clock, limit=100.0)
        self.fabric.objects = [
            from_document({**to_document(item), "rules": ALLOW_ALL}) if item.kind == "security_group" else item
            for item in self.fabric.objects
        ]
        self.fabric.realise(self.fabric.objects)
        self.known = hosts(self.fabric)
        self.model = self._model()
        self.handed = {name: self._state(self.model, name) for name in self.fabric.switches}
        self.realised = dict.fromkeys(self.fabric.switches, 1)
        self.waiting = False
        self.held: set[str] = set()

    def _model(self) -> Model:
        model = self.fabric.numbers.model(self.fabric.objects)
        return Model(**{name: getattr(model, name) for name in Model.__slots__} | {"revision": self.revision})

    def _state(self, model: Model, switch: str) -> DesiredState:
        return compile_switch(model, switch, self.moves.redirects().get(switch, NOBODY))

    def move(self, leaf: str) -> None:
        """A commit: its new place is told at once, all others when `go_on` comes."""
        if leaf == self.at:
            return
        if self.waiting:
            self.go_on()
        self.revision += 1
        attachment = {"switch": leaf, "port": 20}
        self.fabric.objects = [
            from_document({**to_document(item), "attachment": attachment}) if item.key == TARGET else item
            for item in self.fabric.objects
        ]
        self.model = self._model()
        self.moves.follow(self.model, [Departure(self.known[TARGET].port.id, self.at, self.revision)])
        self.at = leaf
        for switch in self.moves.awaited():
            self.handed[switch] = self._state(self.model, switch)
            self.held.discard(switch)
        self.waiting = True

    def hold(self) -> None:
        """The new place is slow: who has to do with the VPC waits for it, and everything else goes on."""
        if self.waiting:
            self.moves.bide(0, self.clock.now + 5.0)
            self.held |= self.moves.held_back(self.model) & self.handed.keys()
            self.waiting = False
            self.refresh()

    def go_on(self) -> None:
        """The new place is ready, or the controller is out of patience."""
        self.moves.confirm(self.realised)
        self.moves.bide(0, self.clock.now)
        self.moves.give_up(lambda _: False)
        self.waiting = False
        self.refresh()

    def refresh(self) -> None:
        """The controller looks who has realised what."""
        self.moves.confirm(self.realised)
        self.moves.expire()
        if self.waiting:
            return
        self.moves.acknowledge(min(self.realised.values()))
        self.held &= self.moves.held_back(self.model)
        for switch in self.handed.keys() - self.held:
            self.handed[switch] = self._state(self.model, switch)

    def realise(self, switch: str) -> None:
        """A switch does what it was told last."""
        for batch in self.fabric.plan(switch, self.handed[switch]).batches:
            apply(self.fabric.switches[switch], batch)
        self.realised[switch] = self.handed[switch].revision

    def settle(self) -> None:
        """Everybody does everything."""
        if self.waiting:
            self.go_on()
        for _ in range(4):
            for switch in self.handed:
                self.realise(switch)
            self.refresh()

    def send(self) -> Iterator[list[Delivery]]:
        """Every source sends to the port, in both families; a frame that runs in circles fails."""
        target = self.known[TARGET]
        for name in SOURCES:
            source = self.known[name]
            for frame in _frames(source, target):
                yield self.fabric.send(source.place, bytes(frame))


def _frames(source: HostPort, target: HostPort) -> Iterator[Ether]:
    for layer, version in ((IP, 4), (IPv6, 6)):
        [src], [dst] = ([it for it in host.port.addresses if it.version == version] for host in (source, target))
        header = Ether(src=source.mac, dst=source.next_mac(target))
        yield header / layer(src=str(src), dst=str(dst)) / UDP(sport=1, dport=2)


_STEPS = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(LEAVES)),
    st.tuples(st.just("realise"), st.sampled_from(LEAVES)),
    st.tuples(st.just("go_on")),
    st.tuples(st.just("hold")),
    st.tuples(st.just("refresh")),
)
_ROUND = ("leaf2", "leaf1", "leaf3", "leaf2")
_LEFT_ONLY = [step for old, new in pairwise(_ROUND) for step in (("move", new), ("go_on",), ("realise", old))]
"""Only who is left acts, nobody who is reached: each would redirect to the next, if it did not matter who is ready."""


@settings(max_examples=40)
@example(_LEFT_ONLY)
@example([*_LEFT_ONLY[:2], *_LEFT_ONLY[2:] * 2])
@given(st.lists(_STEPS, max_size=14))
def test_late_leaves_never_make_loops_or_copies(steps: list[tuple[str, ...]]) -> None:
    it = SlowFabric(MemoryFabric.example())
    for name, *arguments in steps:
        getattr(it, name)(*arguments)
        for deliveries in it.send():
            assert len(deliveries) <= 1, deliveries
    it.settle()
    assert not it.moves
    assert all(state == compile_switch(it.model, switch) for switch, state in it.handed.items()), "nothing is left over"
    for deliveries in it.send():
        assert [one.place for one in deliveries] == [(it.at, 20 if it.revision > 1 else 11)]


def test_what_is_on_its_way_is_redirected_from_a_leaf_that_has_nothing_else_of_the_vpc() -> None:
    it = SlowFabric(MemoryFabric.example())
    # quarantine-1 is the only other port of red at leaf2.
    it.fabric.objects = [item for item in it.fabric.objects if item.key != "red/prod/quarantine-1"]
    it.move("leaf3")
    it.realise("leaf3")
    it.go_on()
    it.realise("leaf2")
    tables = {identity[0] for identity, desired in it.handed["leaf2"].items() if _is_of_red(desired.origins)}
    assert tables == {"bridge", "vni_map", "bridge_domains"}
    for deliveries in it.send():
        [delivery] = deliveries
        assert delivery.place == ("leaf3", 20)
        assert "leaf2" in delivery.path or delivery.path == ("leaf3",)
    it.settle()
    assert not any(_is_of_red(desired.origins) for desired in it.handed["leaf2"].values())


def test_redirects_end_at_the_limit() -> None:
    it = SlowFabric(MemoryFabric.example())
    it.move("leaf3")
    it.realise("leaf3")
    it.go_on()
    it.realise("leaf2")
    assert [len(deliveries) for deliveries in it.send()] == [1] * 6
    it.clock.now += 100.0
    it.refresh()
    it.realise("leaf2")
    late = [len(deliveries) for deliveries in it.send()]
    assert late == [0, 0, 0, 0, 1, 1], "leaf1 has not acknowledged, db-1 is at leaf3"


def _is_of_red(origins: tuple[object, ...]) -> bool:
    return any("red/" in str(origin) for origin in origins)
