# SPDX-License-Identifier: Apache-2.0
"""What became of a packet, in one sentence: for operators with places, for tenants without anything of the fabric."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from p4vpc.compiler.access import PUNT_LLDP
from p4vpc.compiler.drop_reasons import LOGGED_INBOUND, LOGGED_OUTBOUND, DropReason
from p4vpc.intent import ObjectId
from p4vpc.model import LocalPlace, Model, ModelPort, Vtep
from p4vpc.services.responder import respond, view_of_model
from p4vpc.services.responder.ethernet import EthernetFrame, parse_frame
from p4vpc.services.responder.parse import parse_ip
from p4vpc.services.responder.vxlan import unwrap
from p4vpc.services.trace.explain import DecidingRule, Remark, deciding, is_entry, remarks_of
from p4vpc.services.trace.passes import name_of
from p4vpc.services.trace.reasons import FABRIC, text_of
from p4vpc.services.trace.walk import End, Hop, Outcome, Punt, Walk, World

_ROUTER_ADVERTISEMENT = 134
_ERRORS = {
    (4, 3, 3): "port unreachable",
    (4, 3, 4): "too big (fragmentation needed)",
    (4, 11, 0): "time exceeded",
    (6, 1, 4): "port unreachable",
    (6, 2, 0): "too big",
    (6, 3, 0): "time exceeded",
}
"""What the responder tells senders, by IP version, type and code."""

_NO_FABRIC = "the fabric does not carry it at the moment"


class VerdictKind(StrEnum):
    """What became of a packet."""

    DELIVERED = "delivered"
    ANSWERED = "answered"
    PUNTED = "punted"
    LEFT = "left"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a packet.

    Attributes:
        kind: the best that a copy of it came to.
        sentence: in words.
        told_tenant: the same for whom the fabric does not concern.
        reason: name of the drop reason of what was dropped, or `link_down`, `unplugged`, `nobody`; None if nothing was.
        ports: who gets it.
        objects: what of the intent a drop comes from.
        rule: of a network ACL that has denied it.
        switch: where it ended; empty if at several.
    """

    kind: VerdictKind
    sentence: str
    told_tenant: str
    reason: str | None = None
    ports: tuple[ObjectId, ...] = ()
    objects: tuple[ObjectId, ...] = ()
    rule: DecidingRule | None = None
    switch: str = ""


@dataclass(frozen=True, slots=True)
class _End:
    """An outcome with where it was."""

    hop: Hop
    outcome: Outcome


class Judge:
    """One walk, judged.

    Args:
        world: the walk's.
        walk: all of it.
    """

    def __init__(self, world: World, walk: Walk):
        self._world = world
        self._model: Model = world.model
        self._walk = walk
        first = walk.hops[0]
        sent = inside(first.frame, is_tunnelled=world.is_fabric_port(first.switch, first.port))
        self._sent_by = None if sent is None else sent.src
        self.remarks = list(self._remarks())

    def verdict(self) -> Verdict:
        """What became of the frame, of the best copy first."""
        judged = self._delivered() or self._answered() or self._punted()
        lost = next(self._losses(), None)
        if judged is None:
            return lost or Verdict(VerdictKind.DROPPED, *_same("reaches nobody: there is no other member"), "nobody")
        if lost is None or judged.kind is not VerdictKind.DELIVERED:
            return judged
        return replace(
            judged,
            sentence=f"{judged.sentence}; a copy is {lost.sentence}",
            told_tenant=f"{judged.told_tenant}; a copy is {lost.told_tenant}",
            reason=lost.reason,
            objects=lost.objects,
            rule=lost.rule,
        )

    def deliveries(self) -> Iterator[tuple[Hop, Outcome, tuple[ModelPort, ...]]]:
        """What arrives, and at whom; nobody if it left for something that we do not know."""
        for it in self._ends(End.DELIVERED):
            if not self._is_answer(it) and it.outcome.port is not None:
                yield it.hop, it.outcome, (it.outcome.port,)
        for it in self._ends(End.LEFT):
            if not self._is_answer(it):
                yield it.hop, it.outcome, tuple(self._behind_vtep(it.outcome.frame))

    def _ends(self, *ends: End) -> Iterator[_End]:
        for hop in self._walk.hops:
            for outcome in hop.outcomes:
                if outcome.end in ends:
                    yield _End(hop, outcome)

    def _is_answer(self, end: _End) -> bool:
        """Whether what leaves is the switch's own answer to who has sent the frame."""
        frame = inside(end.outcome.frame, is_tunnelled=end.outcome.end is End.LEFT)
        return frame is not None and frame.dst == self._sent_by

    # -- what arrives -------------------------------------------------------------------------------------------

    def _delivered(self) -> Verdict | None:
        found = list(self.deliveries())
        ports = [port for _, _, receivers in found for port in receivers]
        if ports:
            names = ", ".join(f"{port.id}{_place(port)}" for port in ports)
            plain = ", ".join(str(port.id) for port in ports)
            switch = found[0][0].switch if len(found) == 1 else ""
            ids = tuple(port.id for port in ports)
            return Verdict(
                VerdictKind.DELIVERED, f"delivered to {names}", f"delivered to {plain}", ports=ids, switch=switch
            )
        if found:
            hop, outcome, _ = found[0]
            text = f"leaves the fabric at {hop.switch} by {outcome.link}"
            return Verdict(VerdictKind.LEFT, text, "leaves the fabric", switch=hop.switch)
        return None

    def _behind_vtep(self, frame: bytes) -> Iterator[ModelPort]:
        """The ports behind a foreign VTEP that a frame for it concerns."""
        outer = parse_frame(frame)
        found = None if outer is None else unwrap(outer)
        inner = None if found is None else parse_frame(found[1])
        if found is None or inner is None:
            return
        for vpc in self._model.vpcs.values():
            for port in vpc.places.foreign:
                is_there = isinstance(port.place, Vtep) and port.place.address == found[0].local
                if is_there and port.subnet.vni == found[0].vni and (inner.dst == port.mac or not inner.dst.is_unicast):
                    yield port

    # -- what is answered ---------------------------------------------------------------------------------------

    def _answered(self) -> Verdict | None:
        for it in self._ends(End.DELIVERED, End.LEFT):
            if self._is_answer(it):
                answer = inside(it.outcome.frame, is_tunnelled=it.outcome.end is End.LEFT)
                mac = "" if answer is None else f": {answer.src} has the address"
                edge = self._entered_at(it.hop)
                text = f"answered by the edge, {edge}{mac}"
                return Verdict(VerdictKind.ANSWERED, text, f"answered by the edge{mac}", switch=edge)
        for it, punt in self._punts():
            said = self._said_by_controller(it.hop, punt)
            if said is not None and said[1] is False:
                text = f"answered by the controller as the gateway: {said[0]}"
                told = f"answered by the gateway: {said[0]}"
                return Verdict(VerdictKind.ANSWERED, text, told, switch=it.hop.switch)
        return None

    def _entered_at(self, hop: Hop) -> str:
        """The switch where the frame that a hop has come from entered the tenants' network."""
        while not is_entry(hop) and hop.parent is not None:
            hop = self._walk.hops[hop.parent]
        return hop.switch

    def _punts(self) -> Iterator[tuple[_End, Punt]]:
        for it in self._ends(End.CONTROLLER):
            if it.outcome.punt is not None:
                yield it, it.outcome.punt

    def _said_by_controller(self, hop: Hop, punt: Punt) -> tuple[str, bool] | None:
        """What the controller answers, and whether that is an error; None if nothing."""
        reply = respond(punt.payload, punt.reason, punt.ingress_port, view_of_model(self._model, hop.switch))
        is_tunnelled = self._world.is_fabric_port(hop.switch, punt.ingress_port)
        frame = None if reply is None else inside(reply.frame, is_tunnelled=is_tunnelled)
        packet = None if frame is None else parse_ip(frame)
        if packet is None:
            return None
        error = _ERRORS.get((packet.src.version, packet.upper[0], packet.upper[1]))
        if error is not None:
            return f"{error} from {packet.src}", True
        is_router = packet.src.version == 6 and packet.upper[0] == _ROUTER_ADVERTISEMENT
        return f"{'router advertisement' if is_router else 'echo reply'} from {packet.src}", False

    def _punted(self) -> Verdict | None:
        for it, punt in self._punts():
            if punt.reason == DropReason.LEARN:
                text = "shown to the controller as an announcement, which moves its port if it may be here"
                return Verdict(VerdictKind.PUNTED, *_same(text), "learn", switch=it.hop.switch)
            if punt.reason >= PUNT_LLDP:
                text = f"handed to the controller by {it.hop.switch} (trap {punt.reason})"
                return Verdict(VerdictKind.PUNTED, text, "handed to the controller", switch=it.hop.switch)
        return None

    # -- what is lost -------------------------------------------------------------------------------------------

    def _losses(self) -> Iterator[Verdict]:
        for it in self._ends(End.DROPPED):
            yield self._dropped(it.hop, it.outcome.reason or 0)
        for it in self._ends(End.LOST):
            text = f"dropped at {it.hop.switch}: it is sent over {it.outcome.link}, which is down"
            told = f"dropped: {_NO_FABRIC}"
            yield Verdict(VerdictKind.DROPPED, text, told, "link_down", switch=it.hop.switch)
        for it in self._ends(End.UNPLUGGED):
            egress = it.outcome.egress
            port = None if egress is None else egress.egress_port
            text = f"dropped at {it.hop.switch}: it is sent by switch port {port}, which leads to nobody that is known"
            yield Verdict(VerdictKind.DROPPED, text, f"dropped: {_NO_FABRIC}", "unplugged", switch=it.hop.switch)

    def _dropped(self, hop: Hop, reason: int) -> Verdict:
        remark = deciding([it for it in self.remarks if it.switch == hop.switch], reason)
        why = text_of(reason) if remark is None else remark.text
        more = self._told_of(hop, reason)
        text = f"{name_of(reason)}: {why}{more}"
        return Verdict(
            VerdictKind.DROPPED,
            f"dropped at {hop.switch}: {text}",
            f"dropped: {_NO_FABRIC if reason in FABRIC else text}",
            name_of(reason),
            objects=() if remark is None else remark.objects,
            rule=None if remark is None else remark.rule,
            switch=hop.switch,
        )

    def _told_of(self, hop: Hop, reason: int) -> str:
        """What the sender is told of a packet that was dropped."""
        for it, punt in self._punts():
            if it.hop is hop and punt.reason == reason:
                said = self._said_by_controller(hop, punt)
                if said is not None:
                    return f"; the controller tells the sender: {said[0]}"
        return ""

    # -- the way there ------------------------------------------------------------------------------------------

    def _remarks(self) -> Iterator[Remark]:
        for hop in self._walk.hops:
            if is_entry(hop):
                yield from remarks_of(hop, self._world)
            for outcome in hop.outcomes:
                yield from self._ending(hop, outcome)

    def _ending(self, hop: Hop, outcome: Outcome) -> Iterator[Remark]:
        at, port = hop.switch, outcome.port
        match outcome.end:
            case End.DELIVERED | End.LEFT if self._is_answer(_End(hop, outcome)):
                yield Remark("answer", "the edge answers who has asked", switch=at)
            case End.NEXT:
                yield Remark("fabric", f"{at} sends it over {outcome.link}", switch=at)
            case End.LEFT:
                yield Remark("fabric", f"{at} sends it over {outcome.link}, out of what is managed", switch=at)
                for receiver in self._behind_vtep(outcome.frame):
                    yield Remark("delivery", f"goes to {receiver.id}", (receiver.id,), switch=at)
            case End.LOST:
                yield Remark("fabric", f"{at} sends it over {outcome.link}, which is down", switch=at, is_drop=True)
            case End.UNPLUGGED:
                yield Remark("fabric", f"{at} sends it to nobody that is known", switch=at, is_drop=True)
            case End.MIRRORED if port is not None:
                yield Remark("copy", f"a copy goes to {port.id}", (port.id,), switch=at)
            case End.DELIVERED if port is not None:
                yield Remark("delivery", f"goes to {port.id}", (port.id,), switch=at)
            case End.DROPPED if not self._is_answered(hop, outcome.reason or 0):
                reason = outcome.reason or 0
                stage = "fabric" if reason in FABRIC else "drop"
                yield Remark(stage, f"{name_of(reason)}: {text_of(reason)}", switch=at, is_drop=True)
            case End.CONTROLLER if outcome.punt is not None:
                said = self._said_by_controller(hop, outcome.punt)
                text = _shown_for(outcome.punt.reason) if said is None else f"the controller answers: {said[0]}"
                yield Remark("controller", text, switch=at)

    def _is_answered(self, hop: Hop, reason: int) -> bool:
        """Whether what is dropped has been for the controller to answer, and not with an error."""
        punts = (punt for it, punt in self._punts() if it.hop is hop and punt.reason == reason)
        return any((said := self._said_by_controller(hop, punt)) is not None and not said[1] for punt in punts)


def _shown_for(reason: int) -> str:
    if reason in (LOGGED_INBOUND, LOGGED_OUTBOUND):
        return "shown to the controller, as a rule of a network ACL logs it"
    return f"shown to the controller for {name_of(reason)}" if reason < PUNT_LLDP else "handed to the controller"


def _same(text: str) -> tuple[str, str]:
    return text, text


def _place(port: ModelPort) -> str:
    match port.place:
        case LocalPlace(switch=switch, port=number, vlan_id=vlan_id):
            return f" ({switch} port {number}{f' vlan {vlan_id}' if vlan_id else ''})"
        case Vtep(address=address):
            return f" (behind VTEP {address})"
    return ""


def inside(data: bytes, *, is_tunnelled: bool) -> EthernetFrame | None:
    """The tenant's own frame; what a tenant itself has put into VXLAN is its own as it is."""
    frame = parse_frame(data)
    found = unwrap(frame) if is_tunnelled and frame is not None else None
    return frame if found is None else parse_frame(found[1])
