# SPDX-License-Identifier: Apache-2.0
"""A packet's way over the fabric: switch by switch, over the links that the intent says, with all of its copies."""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, TypeAlias

from p4vpc.compiler.entries import Entry, Identity, Origin
from p4vpc.compiler.mirror import CPU_PORT
from p4vpc.intent import ObjectId
from p4vpc.model import FabricPort, LocalPlace, Model, ModelPort
from p4vpc.services.trace.passes import Pass, passes_of
from p4vpc.services.trace.plugin import LoadedSwitch, Tracer
from p4vpc.southbound import Pipeline

MOST_HOPS = 256
"""A frame that is flooded to more switches than that is followed no further; it is told."""

Held: TypeAlias = Iterable[tuple[Entry, tuple[Origin, ...]]]
"""What a switch holds, with the objects that each entry comes from."""


class End(StrEnum):
    """How one copy of a frame fared at a switch."""

    NEXT = "next"  # on to another switch
    DELIVERED = "delivered"  # to a port of a VPC
    LEFT = "left"  # over a link to something that is not managed
    CONTROLLER = "controller"
    MIRRORED = "mirrored"  # a copy for a mirror
    DROPPED = "dropped"
    PRUNED = "pruned"  # not sent back to who has sent it; counted nowhere
    LOST = "lost"  # sent over a link that is down
    UNPLUGGED = "unplugged"  # sent by a switch port that leads nowhere


class Punt(NamedTuple):
    """What a switch tells the controller with a frame."""

    ingress_port: int
    reason: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one copy fared.

    Attributes:
        egress: the pass that it took through egress; None if it ended in ingress.
        frame: as it left the switch.
        reason: number of the drop reason.
        port: who gets it.
        link: what it is sent over.
        hop: the number of the hop at the next switch.
        punt: what the controller is told.
    """

    end: End
    egress: Pass | None = None
    frame: bytes = b""
    reason: int | None = None
    port: ModelPort | None = None
    link: ObjectId | None = None
    hop: int | None = None
    punt: Punt | None = None


@dataclass(slots=True)
class Hop:
    """One frame at one switch. `number` counts from 0, `parent` is the hop that it came from; None: it enters here."""

    number: int
    parent: int | None
    switch: str
    port: int
    frame: bytes
    ingress: Pass = field(default_factory=Pass)
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass(slots=True)
class Walk:
    """All hops; `is_whole` is False if the frame went to more switches than are looked at."""

    hops: list[Hop] = field(default_factory=list)
    is_whole: bool = True


class World:
    """The switches of one trace, loaded when a packet comes by; they keep what packets leave behind until it ends.

    Args:
        model: the whole.
        pipeline: what the switches run.
        tracer: what executes it.
        held: what a switch holds, by name. Called once for each switch that a packet comes to.
        down_links: those that carry nothing.
    """

    def __init__(
        self,
        model: Model,
        pipeline: Pipeline,
        tracer: Tracer,
        held: Callable[[str], Held],
        down_links: Collection[ObjectId] = (),
    ):
        self.model = model
        self.pipeline = pipeline
        self._tracer = tracer
        self._held = held
        self._down_links = down_links
        self._loaded: dict[str, LoadedSwitch] = {}
        self._origins: dict[str, dict[Identity, tuple[Origin, ...]]] = {}
        self._attached: dict[str, Mapping[int, ModelPort]] = {}

    @cached_property
    def _ends(self) -> Mapping[tuple[str, int], FabricPort]:
        return {(name, end.port): end for name, ends in self.model.fabric_ports.items() for end in ends}

    @cached_property
    def _places(self) -> Mapping[ObjectId, Sequence[tuple[str, int]]]:
        found: defaultdict[ObjectId, list[tuple[str, int]]] = defaultdict(list)
        for place, end in self._ends.items():
            found[end.link].append(place)
        return found

    @property
    def switches(self) -> Collection[str]:
        """Those that a packet has come to."""
        return self._loaded.keys()

    def origins(self, switch: str, identity: Identity | None) -> tuple[Origin, ...]:
        """The objects that an entry of a switch comes from; nothing if nobody wants it."""
        return () if identity is None else self._origins.get(switch, {}).get(identity, ())

    def is_fabric_port(self, switch: str, port: int) -> bool:
        """Whether a link is plugged in there."""
        return (switch, port) in self._ends

    def walk(self, switch: str, port: int, *frames: bytes) -> Walk:
        """Follow frames that enter a switch by a port until nothing of them is on the way."""
        walk = Walk()
        waiting: deque[Hop] = deque(Hop(number, None, switch, port, frame) for number, frame in enumerate(frames))
        number = len(waiting)
        while waiting:
            hop = waiting.popleft()
            walk.hops.append(hop)
            hop.ingress, egress = passes_of(self._switch(hop.switch).process(hop.port, hop.frame))
            if hop.ingress.reason is not None:
                hop.outcomes.append(Outcome(End.DROPPED, reason=hop.ingress.reason))
            for it in egress:
                outcome = self._outcome(hop, it, number)
                if outcome.end is End.NEXT and number >= MOST_HOPS:
                    walk.is_whole = False
                    continue
                hop.outcomes.append(outcome)
                if outcome.end is End.NEXT:
                    waiting.append(Hop(number, hop.number, *self._far_end(hop.switch, it.egress_port), outcome.frame))
                    number += 1
        return walk

    def _switch(self, name: str) -> LoadedSwitch:
        loaded = self._loaded.get(name)
        if loaded is None:
            held = dict(self._held(name))
            self._origins[name] = {entry.identity: origins for entry, origins in held.items()}
            loaded = self._loaded[name] = self._tracer.load(self.pipeline.device_config, held)
        return loaded

    def _outcome(self, hop: Hop, egress: Pass, number: int) -> Outcome:
        frame, port = egress.output, egress.egress_port
        if frame is None:
            reason = egress.reason
            return Outcome(End.PRUNED if reason is None else End.DROPPED, egress, reason=reason)
        if port == CPU_PORT:
            return Outcome(End.CONTROLLER, egress, punt=self._punt(frame))
        end = self._ends.get((hop.switch, port or 0))
        if end is None:
            receiver = self._receiver(hop.switch, egress)
            if receiver is None:
                return Outcome(End.UNPLUGGED, egress, frame)
            return Outcome(End.MIRRORED if egress.is_copy else End.DELIVERED, egress, frame, port=receiver)
        if end.peer_switch is None:
            return Outcome(End.LEFT, egress, frame, link=end.link)
        if end.link in self._down_links:
            return Outcome(End.LOST, egress, frame, link=end.link)
        return Outcome(End.NEXT, egress, frame, link=end.link, hop=number)

    def _far_end(self, switch: str, port: int | None) -> tuple[str, int]:
        places = self._places[self._ends[switch, port or 0].link]
        return next(place for place in places if place != (switch, port))

    def _receiver(self, switch: str, egress: Pass) -> ModelPort | None:
        """Who is at the port that a frame left by, as egress has found it: by its port index."""
        asked = (it.key[0] for it in egress.lookups if it.table == "egress_ports")
        return self._ports_at(switch).get(next(asked, 0))

    def _ports_at(self, switch: str) -> Mapping[int, ModelPort]:
        found = self._attached.get(switch)
        if found is None:
            vpcs = (self.model.vpcs[key] for key in self.model.vpcs_of_switch.get(switch, ()))
            ports = (port for vpc in vpcs for port in vpc.places.at(switch))
            found = {port.place.port_index: port for port in ports if isinstance(port.place, LocalPlace)}
            self._attached[switch] = found
        return found

    def _punt(self, frame: bytes) -> Punt:
        fields = self.pipeline.info.packet_in
        width = sum(it.width for it in fields)
        header, left, values = int.from_bytes(frame[: width // 8]), width, dict[str, int]()
        for it in fields:
            left -= it.width
            values[it.name] = header >> left & (1 << it.width) - 1
        return Punt(values.get("ingress_port", 0), values.get("reason", 0), frame[width // 8 :])
