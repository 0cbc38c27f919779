# SPDX-License-Identifier: Apache-2.0
"""What is known of the fabric's links, and which of them count as down.

Pure: told of port states and LLDP, asked for `down_links`. What is known of a switch outlives its session: a lost
session says nothing about links.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from p4vpc.intent import Mac, ObjectId
from p4vpc.model import FabricPort, Model
from p4vpc.services.links.damping import Damper
from p4vpc.services.links.hearing import Hearing
from p4vpc.services.links.lldp import Sender

LLDP_INTERVAL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """Times in seconds.

    Attributes:
        hold, longest_hold: how long a link must be up again before it counts, after its first failure and at most;
            each failure that follows soon doubles it.
        first_look: how long the first compilation waits for port states at most.
        lldp_interval: pause between two LLDP frames of a port at least, jittered by a quarter; 0 sends none.
        lldp_rate: most LLDP frames a second in the whole fabric; the interval stretches to keep it.
    """

    hold: float = 5.0
    longest_hold: float = 300.0
    first_look: float = 2.0
    lldp_interval: float = LLDP_INTERVAL_SECONDS
    lldp_rate: float = 1000.0


class LinkState(StrEnum):
    """What a link counts as."""

    UP = "up"
    DOWN = "down"
    RECOVERING = "recovering"  # up again, but not yet for long enough: counts as down
    UNKNOWN = "unknown"  # nobody says anything: counts as up


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """One link at one moment.

    Attributes:
        a, b: its ends in words: "leaf1:3", or a MAC that p4vpc does not manage.
        detail: why it is down, or what is odd about it; empty if nothing.
        flaps: how often it went down since this controller started.
        is_heard: whether each end hears the other by LLDP.
        is_avoided: whether every switch has been told to go round it. That is so a moment after it went down here, and
            also while only another controller has evidence against it.
    """

    name: str
    a: str
    b: str
    state: LinkState
    detail: str
    flaps: int
    is_heard: bool = False
    is_avoided: bool = False

    @property
    def is_down(self) -> bool:
        """Whether paths go round it."""
        return self.state in (LinkState.DOWN, LinkState.RECOVERING)


class End(NamedTuple):
    """A switch port that a link is plugged into."""

    switch: str
    port: int

    def __str__(self) -> str:
        return f"port {self.port} of {self.switch}"

    @property
    def sender(self) -> Sender:
        """What LLDP from this port says."""
        return Sender(self.switch, str(self.port))


@dataclass(slots=True)
class _Link:
    """A link object, and what is known of it. `far` is the MAC of a far end that we do not manage.

    Attributes:
        detail, was_heard: what was told of it last.
    """

    id: ObjectId
    ends: tuple[End, ...]
    far: str
    damper: Damper
    hearings: Mapping[End, Hearing] = field(default_factory=dict)
    detail: str = ""
    was_heard: bool = False

    @property
    def is_heard(self) -> bool:
        """Whether each end hears the other."""
        return bool(self.hearings) and all(item.was_heard and not item.is_lost for item in self.hearings.values())


class LinkMonitor:
    """Follows all links of the model.

    Args:
        options: see there.
        session_of: the number of the session with a switch, counted up; None if there is none in which packets come in.
        on_change: called with a link when `detail` or `is_heard` of its status has changed.
        clock: in seconds; never goes back.
    """

    def __init__(
        self,
        options: LinkOptions,
        session_of: Callable[[str], int | None] = lambda switch: None,
        on_change: Callable[[LinkStatus], None] = lambda link: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._options = options
        self._session_of = session_of
        self._on_change = on_change
        self._clock = clock
        self._links: dict[ObjectId, _Link] = {}
        self._at: dict[End, _Link] = {}
        self._fabric_ports: Mapping[str, tuple[FabricPort, ...]] = {}
        self._ports_of: dict[str, tuple[int, ...]] = {}
        self._router_macs: dict[str, int] = {}
        self._ports: dict[str, Mapping[int, bool]] = {}

    def set_links(self, model: Model) -> None:
        """Follow the links of this model. A link that was there before, between the same ends, keeps what is known."""
        self._router_macs = {name: switch.router_mac.value for name, switch in model.switches.items()}
        self._ports = {switch: states for switch, states in self._ports.items() if switch in model.switches}
        if model.fabric_ports == self._fabric_ports:
            return
        self._fabric_ports = model.fabric_ports
        ends: dict[ObjectId, list[End]] = {}
        far: dict[ObjectId, Mac] = {}
        for switch, ports in model.fabric_ports.items():
            for port in ports:
                ends.setdefault(port.link, []).append(End(switch, port.port))
                far[port.link] = port.peer_mac
        links = {}
        for link_id in sorted(ends, key=lambda link_id: link_id.key):
            known, both = self._links.get(link_id), tuple(ends[link_id])
            links[link_id] = (
                known if known is not None and known.ends == both else self._new(link_id, both, far[link_id])
            )
        self._links = links
        self._at = {end: link for link in links.values() for end in link.ends}
        self._ports_of = {name: tuple(port.port for port in ports) for name, ports in model.fabric_ports.items()}
        for link in links.values():
            self._weigh(link)

    def _new(self, link_id: ObjectId, ends: tuple[End, ...], far: Mac) -> _Link:
        hearings = {}
        if len(ends) > 1:
            a, b = ends
            hearings = {a: Hearing(b.sender), b: Hearing(a.sender)}
        damper = Damper(self._options.hold, self._options.longest_hold)
        return _Link(link_id, ends, "" if hearings else str(far), damper, hearings)

    def set_ports(self, switch: str, is_up: Mapping[int, bool]) -> None:
        """Take the state of all ports of a switch."""
        before = self._ports.get(switch, {})
        self._ports[switch] = is_up
        for port in before.keys() | is_up.keys():
            if before.get(port) != is_up.get(port):
                self._weigh_at(End(switch, port))

    def lldp_ports(self, switch: str) -> tuple[int, ...]:
        """Fabric ports of a switch."""
        return self._ports_of.get(switch, ())

    def router_mac(self, switch: str) -> int:
        """The source of a switch's LLDP frames."""
        return self._router_macs[switch]

    @property
    def fabric_ports(self) -> int:
        """How many there are in the whole fabric."""
        return len(self._at)

    def lldp_sent(self, switch: str, port: int) -> None:
        """A switch sends LLDP by a port."""
        end = End(switch, port)
        link = self._at.get(end)
        if link is not None:
            for other, hearing in link.hearings.items():
                if other != end:
                    hearing.sent(self._session_of(other.switch))
            self._weigh(link)

    def lldp_heard(self, switch: str, port: int, sender: Sender) -> None:
        """LLDP comes in at a switch."""
        end = End(switch, port)
        link = self._at.get(end)
        if link is not None and end in link.hearings:
            link.hearings[end].heard(sender)
            self._weigh(link)

    def down_links(self) -> frozenset[ObjectId]:
        """Return the links that paths shall go round."""
        now = self._clock()
        return frozenset(link_id for link_id, link in self._links.items() if link.damper.is_down(now))

    def seconds_to_next(self) -> float | None:
        """Return when a link comes back to count, without any more news; None if none does."""
        now = self._clock()
        times = (link.damper.counts_at() for link in self._links.values())
        return min((at - now for at in times if at is not None and at > now), default=None)

    def status(self, avoided: Set[ObjectId] = frozenset()) -> tuple[LinkStatus, ...]:
        """Return all links, sorted by name; `avoided` are those that every switch has been told to go round."""
        return tuple(replace(self._status(link), is_avoided=link.id in avoided) for link in self._links.values())

    def _weigh_at(self, end: End) -> None:
        link = self._at.get(end)
        if link is not None:
            self._weigh(link)

    def _weigh(self, link: _Link) -> None:
        against = "; ".join(self._against(link))
        detail = against or "; ".join(self._missing(link))
        link.damper.observe(is_bad=bool(against), now=self._clock())
        if (detail, link.is_heard) != (link.detail, link.was_heard):
            link.detail = detail
            link.was_heard = link.is_heard
            self._on_change(self._status(link))

    def _against(self, link: _Link) -> Iterator[str]:
        """Yield the evidence against a link, in words."""
        for end in link.ends:
            if self._ports.get(end.switch, {}).get(end.port) is False:
                yield f"{end} is down"
        for end, hearing in link.hearings.items():
            if hearing.other is not None:
                yield f"wrong cable: {end} leads to {hearing.other}, not to {hearing.expected}"
        for end, hearing in link.hearings.items():
            if hearing.is_lost:
                yield f"LLDP from {hearing.expected} comes in no more at {end}"

    def _missing(self, link: _Link) -> Iterator[str]:
        for end, hearing in link.hearings.items():
            if hearing.is_missing:
                yield f"LLDP from {hearing.expected} has never come in at {end}"

    def _status(self, link: _Link) -> LinkStatus:
        is_seen = any(end.port in self._ports.get(end.switch, {}) for end in link.ends) or any(
            hearing.was_heard for hearing in link.hearings.values()
        )
        a, *rest = (f"{end.switch}:{end.port}" for end in link.ends)
        if link.damper.is_bad:
            state = LinkState.DOWN
        elif link.damper.is_down(self._clock()):
            state = LinkState.RECOVERING
        else:
            state = LinkState.UP if is_seen else LinkState.UNKNOWN
        b = rest[0] if rest else link.far
        return LinkStatus(link.id.key, a, b, state, link.detail, link.damper.flaps, link.is_heard)
